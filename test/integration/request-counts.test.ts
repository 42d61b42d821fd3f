import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { Sandbox } from "./gantry-cli.js";

let box: Sandbox;
let registry: RunningRegistry;
beforeAll(async () => {
  box = await Sandbox.create();
  registry = await serve({ root: box.path("registry"), durable: false });
  await mkdir(box.path("site"));
  await writeFile(box.path("site/index.html"), "hello");
  await writeFile(
    box.path("gantry.yaml"),
    `images:\n  - name: one\n    platforms: [linux/amd64]\n    layers: [{ files: { ./site: /srv } }]\n    tags: ["${registry.host}/one:1"]\n`,
  );
});
afterAll(async () => {
  await registry.close();
  await box[Symbol.asyncDispose]();
});

const requests = async (...args: string[]): Promise<number> =>
  (JSON.parse(await box.ok([...args, "--json", "-q"])) as { requests: number }).requests;

describe("docs/registries.md", () => {
  it("says how many requests a command takes", async () => {
    const one = (tag: string) => `${registry.host}/one:${tag}`;
    const counted = [
      await requests("build", "--push"),
      await requests("build", "--push"),
      await requests("copy", one("1"), one("2")),
      await requests("copy", one("1"), `${registry.host}/two:1`),
      await requests("copy", one("1"), `${registry.host}/two:1`),
      await requests("copy", one("1"), "oci:./layout:1"),
    ];
    const trace = await box.run(["digest", "--debug", one("1")]);
    counted.unshift(trace.stderr.trim().split("\n").length);
    const text = await readFile(join(import.meta.dirname, "../../docs/registries.md"), "utf8");
    const said = [...text.matchAll(/^\| (?:`|the same).* \| (\d+).* \|$/gm)].map(([, count]) => Number(count));
    expect(counted).toEqual(said);
  });
});
