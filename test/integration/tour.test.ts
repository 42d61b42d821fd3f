import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { Sandbox } from "./gantry-cli.js";

const readme = await readFile(join(import.meta.dirname, "../../README.md"), "utf8");
const blocks = [...readme.matchAll(/^```\w+ tour(=\S+)?\n([\s\S]*?)^```$/gm)].map(([, kind = "", text = ""]) => ({
  kind,
  text,
}));

let box: Sandbox;
let registry: RunningRegistry;
beforeAll(async () => {
  box = await Sandbox.create();
  registry = await serve({ root: box.path("registry"), durable: false });
});
afterAll(async () => {
  await registry.close();
  await box[Symbol.asyncDispose]();
});

describe("the README's tour", () => {
  it("runs as it is written, with another port", async () => {
    const local = (text: string) => text.replaceAll("localhost:5000", registry.host);
    await mkdir(box.path("site"));
    await writeFile(box.path("site/index.html"), "hello");
    for (const { kind, text } of blocks.filter((block) => block.kind.startsWith("=") && block.kind !== "=serve")) {
      await writeFile(box.path(kind.slice(1)), local(text));
    }
    const commands = blocks.filter(({ kind }) => kind === "").flatMap(({ text }) => local(text).trim().split("\n"));
    expect(commands.length).toBeGreaterThan(8);
    for (const command of commands) await box.ok(command.split(" ").slice(1));
    expect(await box.ok(["ls", `${registry.host}/demo/hello`])).toBe("1.0\nlatest\n");
    expect((await box.ok(["images"])).split("\n")[1]).toContain("demo/hello:1.0");
  });

  it("starts a registry whose first line is its address", () => {
    expect(blocks.find(({ kind }) => kind === "=serve")?.text).toMatch(/^gantry serve --listen 127\.0\.0\.1:5000/);
  });
});
