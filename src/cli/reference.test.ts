import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "./commands.js";
import { exitCodeOf } from "./exit-code.js";
import { reference } from "./reference.js";
import type { ErrorCode } from "../errors.js";

const docs = join(import.meta.dirname, "../../docs");

describe("docs/commands.md", () => {
  it("has the commands as they are (node scripts/docs.mjs writes them)", async () => {
    const path = join(docs, "commands.md");
    const text = await readFile(path, "utf8");
    const [before, rest = ""] = text.split("<!-- commands: written by scripts/docs.mjs -->\n");
    const after = rest.split("<!-- end of commands -->")[1];
    expect(after, "the marks are there").toBeDefined();
    await expect(
      `${before}<!-- commands: written by scripts/docs.mjs -->\n\n${reference(COMMANDS)}\n\n<!-- end of commands -->${after}`,
    ).toMatchFileSnapshot(path);
  });
});

describe("docs/errors.md", () => {
  it("has every code, each with the exit code that it ends with", async () => {
    const source = await readFile(join(import.meta.dirname, "../errors.ts"), "utf8");
    const union = source.slice(
      source.indexOf("export type ErrorCode"),
      source.indexOf(";", source.indexOf("export type ErrorCode")),
    );
    const codes = [...union.matchAll(/\| "([A-Z_]+)"/g)].map(([, code]) => code as ErrorCode);
    expect(codes.length).toBeGreaterThan(30);
    const text = await readFile(join(docs, "errors.md"), "utf8");
    const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| \S.* \|$/gm)].map(([, code, exit]) => [
      code,
      Number(exit),
    ]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(codes.map((code) => [code, exitCodeOf(code)])));
    expect(rows).toHaveLength(codes.length);
  });
});
