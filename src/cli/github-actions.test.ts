import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GantryError } from "../errors.js";
import { Given } from "./command.js";
import { COMMANDS } from "./commands.js";
import { Context } from "./context.js";
import { reportError } from "./error-report.js";
import { FakeTerminal } from "./fake-terminal.js";
import { annotateError, maskSecret, reportToActions } from "./github-actions.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-actions-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const actions = (more: Record<string, string> = {}) => new FakeTerminal({ env: { GITHUB_ACTIONS: "true", ...more } });

describe("under GitHub Actions", () => {
  it("outputs are appended, those with line breaks so that no value can add an output of its own", async () => {
    const GITHUB_OUTPUT = join(folder, "output");
    const GITHUB_STEP_SUMMARY = join(folder, "summary");
    const terminal = actions({ GITHUB_OUTPUT, GITHUB_STEP_SUMMARY });
    await reportToActions(terminal, { digest: "sha256:1" }, "### first");
    await reportToActions(terminal, { text: "a\nGANTRY\nevil=1" }, "### second");
    expect(await readFile(GITHUB_OUTPUT, "utf8")).toBe("digest=sha256:1\ntext<<GANTRY_\na\nGANTRY\nevil=1\nGANTRY_\n");
    expect(await readFile(GITHUB_STEP_SUMMARY, "utf8")).toBe("### first\n### second\n");
  });

  it("nothing is written elsewhere", async () => {
    const GITHUB_OUTPUT = join(folder, "elsewhere");
    const terminal = new FakeTerminal({ env: { GITHUB_OUTPUT } });
    await reportToActions(terminal, { digest: "sha256:1" }, "");
    maskSecret(terminal, "secret");
    annotateError(terminal, "x", undefined);
    expect(terminal.stderr).toBe("");
    await expect(readFile(GITHUB_OUTPUT)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("secrets are masked line by line", () => {
    const terminal = actions();
    maskSecret(terminal, "one%\n\ntwo\r\n");
    expect(terminal.stderr).toBe("::add-mask::one%25\n::add-mask::two\n");
  });

  it("secrets of options are masked before anything is done", async () => {
    const terminal = actions();
    const given = new Given([], [], { creds: "ci:pass:word", "src-registry-token": "tok", "dest-creds": "x:y" });
    const context = new Context({ commands: COMMANDS, given, terminal, signal: new AbortController().signal });
    await context.gantry();
    await context.close();
    expect(terminal.stderr).toBe("::add-mask::pass:word\n::add-mask::tok\n::add-mask::y\n");
  });

  it("an error is an annotation, at its line of the plan file", () => {
    const terminal = actions();
    const error = new GantryError("PLAN_INVALID", 'unknown key "layrs"', { where: "a,b/gantry.yaml:4:5" });
    expect(reportError(error, terminal, { json: false, debug: false })).toBe(2);
    expect(terminal.stderr.split("\n")).toEqual([
      '::error title=gantry,file=a%2Cb/gantry.yaml,line=4,col=5::unknown key "layrs" (a,b/gantry.yaml:4:5).',
      'gantry: unknown key "layrs" (a,b/gantry.yaml:4:5).',
      "",
    ]);
  });

  it("text from outside cannot give the runner a command", () => {
    const terminal = actions();
    reportError(new GantryError("REGISTRY_REFUSED", "no\r\n::set-env name=X::1"), terminal, {
      json: false,
      debug: false,
    });
    expect(terminal.stderr.split("\n").filter((line) => line.startsWith("::"))).toEqual([
      "::error title=gantry::no ::set-env name=X::1.",
    ]);
  });
});
