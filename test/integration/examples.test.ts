import { spawnSync } from "node:child_process";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { Sandbox } from "./gantry-cli.js";

const root = join(import.meta.dirname, "../..");
const library = join(root, "examples/library");

let box: Sandbox;
let registry: RunningRegistry;
beforeAll(async () => {
  box = await Sandbox.create();
  registry = await serve({ root: box.path("registry"), durable: false });
  await mkdir(box.path("site"));
  await writeFile(box.path("site/index.html"), "hello");
  await writeFile(
    box.path("gantry.yaml"),
    `images:
  - name: app
    platforms: [linux/amd64, linux/arm64]
    layers: [{ files: { ./site: /srv } }]
    tags: ["${registry.host}/app:1.0", "${registry.host}/app:1.1", "${registry.host}/app:nightly"]
`,
  );
  await box.ok(["build", "--push"]);
});
afterAll(async () => {
  await registry.close();
  await box[Symbol.asyncDispose]();
});

/** Runs an example as its first lines say, against the built library. */
async function example(name: string, ...args: string[]): Promise<string[]> {
  const { spawn } = await import("node:child_process");
  const child = spawn(process.execPath, [join(library, name), ...args], {
    cwd: box.root,
    env: { PATH: process.env["PATH"] ?? "", HOME: box.root },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe("examples of the library", () => {
  it("copy: a plan before the act", async () => {
    const lines = await example("copy.mjs", `${registry.host}/app:1.0`, `${registry.host}/copied:1`, "oci:./layout:1");
    expect(lines[0]).toMatch(/^to upload: \d+ bytes, to mount: 3 blobs$/);
    expect(lines[1]).toBe((await box.ok(["digest", `${registry.host}/copied:1`])).trim());
    expect(await box.ok(["ls", "oci:./layout"])).toBe("1\n");
  });

  it("build-and-publish: a plan that is a value, a registry in the program", async () => {
    const lines = await example("build-and-publish.mjs", "./site");
    expect(lines).toEqual([
      expect.stringMatching(/^site sha256:[0-9a-f]{64}$/),
      "linux/amd64 linux/arm64",
      "6 digests verified",
    ]);
  });

  it("mirror: the tags that match, once", async () => {
    const run = () => example("mirror.mjs", `${registry.host}/app`, `${registry.host}/mirrored`, "^1\\.");
    expect(await run()).toEqual([expect.stringMatching(/^1\.0 copied/), expect.stringMatching(/^1\.1 copied/)]);
    expect(await run()).toEqual(["1.0 unchanged 0 bytes", "1.1 unchanged 0 bytes"]);
    expect(await box.ok(["ls", `${registry.host}/mirrored`])).toBe("1.0\n1.1\n");
  });

  it("tree: the whole graph", async () => {
    const lines = await example("tree.mjs", `${registry.host}/app:1.0`);
    expect(lines).toHaveLength(7);
    expect(lines[1]).toMatch(/^ {2}image linux\/amd64 sha256:/);
  });

  it("each is run here, and has the types that it says", async () => {
    const files = (await readdir(library)).filter((name) => name.endsWith(".mjs"));
    expect(files.toSorted()).toEqual(["build-and-publish.mjs", "copy.mjs", "mirror.mjs", "tree.mjs"]);
    const flags = "--ignoreConfig --noEmit --allowJs --checkJs --strict --skipLibCheck --types node --target es2023";
    const modules = "--lib es2023,esnext.disposable --module nodenext";
    const { status, stdout } = spawnSync(
      process.execPath,
      [
        join(root, "node_modules/typescript/bin/tsc"),
        ...`${flags} ${modules}`.split(" "),
        ...files.map((name) => join(library, name)),
      ],
      { cwd: root, encoding: "utf8" },
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });
});

describe("examples of plan files", () => {
  it("web-app builds, with any binary in its place", async () => {
    await cp(join(root, "examples/web-app"), box.path("web-app"), {
      recursive: true,
      filter: (path) => !path.endsWith("/bin"),
    });
    for (const arch of ["amd64", "arm64"]) {
      const path = box.path("web-app/bin", arch, "esbuild");
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, `a binary for ${arch}`);
    }
    await box.ok(["build", "-f", "web-app/gantry.yaml", "--push", "--var", `DEMO_REGISTRY=${registry.host}`]);
    for (const name of ["demo/web:1.0.0", "demo/web:latest", "mirror/web:1.0.0"])
      await box.ok(["validate", `${registry.host}/${name}`]);
    const { config } = JSON.parse(
      await box.ok(["inspect", "--config", "--platform", "linux/arm64", `${registry.host}/demo/web:latest`]),
    ) as { config: { User: string } };
    expect(config.User).toBe("1000");
  });

  it("build-node-app builds", async () => {
    const plan = join(root, "examples/build-node-app/gantry.yaml");
    const vars = ["--var", "HELLO_BASE=scratch", "--var", `HELLO_REGISTRY=${registry.host}`];
    await box.ok(["build", "-f", plan, "--push", ...vars]);
    await box.ok(["validate", `${registry.host}/demo/hello:1.0.0`]);
  });
});

describe("the GitHub Actions workflow", () => {
  it("parses, and its commands are ours", async () => {
    const text = await readFile(join(root, "examples/github-actions.yml"), "utf8");
    const workflow = parse(text) as { jobs: { image: { steps: { run?: string }[] } } };
    const commands = workflow.jobs.image.steps.flatMap(({ run = "" }) => run.match(/npx gantry \w+/g) ?? []);
    expect(commands).toEqual(["npx gantry login", "npx gantry build", "npx gantry validate"]);
    // Values of the event never become part of a script.
    for (const { run = "" } of workflow.jobs.image.steps) expect(run).not.toContain("${{");
  });

  it("gives outputs and a summary where the runner asks for them", async () => {
    const env = {
      GITHUB_ACTIONS: "true",
      GITHUB_OUTPUT: box.path("output"),
      GITHUB_STEP_SUMMARY: box.path("summary"),
    };
    const ran = await box.run(["copy", `${registry.host}/app:1.0`, `${registry.host}/app:2.0`], { env });
    expect(ran.code).toBe(0);
    const output = await readFile(box.path("output"), "utf8");
    expect(output).toMatch(/^digest=sha256:[0-9a-f]{64}\nmetadata=\{.*\}\n$/);
    expect(await readFile(box.path("summary"), "utf8")).toContain(`| \`${registry.host}/app:2.0\` | moved |`);
  });
});
