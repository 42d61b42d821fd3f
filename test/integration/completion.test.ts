import { spawnSync } from "node:child_process";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GANTRY, Sandbox } from "./gantry-cli.js";

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
  // The scripts call `gantry`, as it is when it is installed.
  await mkdir(box.path("bin"));
  await writeFile(box.path("bin/gantry"), `#!/bin/sh\nexec '${process.execPath}' '${GANTRY}' "$@"\n`);
  await chmod(box.path("bin/gantry"), 0o755);
  await mkdir(box.path("work/site"), { recursive: true });
  await writeFile(box.path("work/site/index.html"), "hello");
  await writeFile(
    box.path("work/gantry.yaml"),
    `images:\n  - name: app\n    platforms: [linux/amd64]\n    layers: [{ files: { ./site: /srv } }]\n    tags: ["localhost:5000/demo/app:1.0"]\n`,
  );
  await box.ok(["build"], { cwd: box.path("work") });
  for (const shell of ["bash", "zsh", "fish"])
    await writeFile(box.path(`completion.${shell}`), await box.ok(["completion", shell]));
});
afterAll(() => box[Symbol.asyncDispose]());

const has = (shell: string): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

const hasFish = has("fish");
const hasZsh = has("zsh");
if (!hasFish) console.log("skipped: completion in fish, which is not installed");
if (!hasZsh) console.log("skipped: completion in zsh, which is not installed");

function shell(name: string, args: string[], input = ""): string[] {
  const { stdout, stderr, status } = spawnSync(name, args, {
    cwd: box.path("work"),
    env: { PATH: `${box.path("bin")}:${process.env["PATH"] ?? ""}`, HOME: box.root, TERM: "dumb" },
    input,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
  return stdout.split("\n").filter((line) => line !== "");
}

/** What a line is completed to, by shell; bash answers what stands after the last colon or equals sign. */
const cases: [line: string, expected: string[], bash?: string[]][] = [
  ["gantry pu", ["push", "pull"]],
  ["gantry manifest ", ["get"]],
  ["gantry copy --dry", ["--dry-run"]],
  ["gantry copy a --progress ", ["auto", "bar", "plain", "json", "none"]],
  ["gantry copy --progress=pl", ["--progress=plain"], ["plain"]],
  ["gantry completion z", ["zsh"]],
  ["gantry help manifest g", ["get"]],
  ["gantry push localhost:5000/demo/a", ["localhost:5000/demo/app:1.0"], ["5000/demo/app:1.0"]],
  ["gantry rm local:localhost:5000/d", ["local:localhost:5000/demo/app:1.0"], ["5000/demo/app:1.0"]],
];

describe("completion", () => {
  it.each(cases)("bash: %s", (line, expected, afterColon) => {
    const script = `source '${box.path("completion.bash")}'
      compopt() { :; }
      COMP_LINE=$1 COMP_POINT=\${#1}
      COMPREPLY=()
      _gantry
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    expect(shell("bash", ["--norc", "-c", script, "bash", line]).toSorted()).toEqual(
      (afterColon ?? expected).toSorted(),
    );
  });

  it("bash: leaves files to bash where there is nothing of ours", () => {
    const script = `source '${box.path("completion.bash")}'; COMP_LINE='gantry build -f g' COMP_POINT=17; _gantry; echo "[\${COMPREPLY[*]}]"; complete -p gantry`;
    expect(shell("bash", ["--norc", "-c", script])).toEqual(["[]", "complete -o default -F _gantry gantry"]);
  });

  it.skipIf(!hasFish).each(cases)("fish: %s", (line, expected) => {
    const found = shell("fish", [
      "--no-config",
      "-c",
      `source '${box.path("completion.fish")}'; complete -C "${line}"`,
    ]).map((candidate) => candidate.split("\t")[0]!);
    for (const one of expected) expect(found).toContain(one);
  });

  it.skipIf(!hasZsh).each(cases)("zsh: %s", (line, expected) => {
    // zsh completes only inside its line editor; what the editor would be offered is caught here.
    const script = `compdef() { :; }
      compadd() { [[ $1 == -S ]] && shift 2; [[ $1 == -a ]] && print -rl -- "\${(@P)2}"; }
      _files() { print files; }
      source '${box.path("completion.zsh")}'
      words=("\${(@s: :)1}") CURRENT=\${#words}
      _gantry`;
    expect(shell("zsh", ["-f", "-c", script, "zsh", line]).toSorted()).toEqual(expected.toSorted());
  });
});
