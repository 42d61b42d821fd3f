import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { replaceFile } from "./replace-file.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-replace-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("replaceFile", () => {
  it("replaces the content and leaves nothing beside it", async () => {
    await replaceFile(join(folder, "a"), "one");
    await replaceFile(join(folder, "a"), new Uint8Array([0, 255]), { mode: 0o600 });
    expect([...(await readFile(join(folder, "a")))]).toEqual([0, 255]);
    expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("is whole for readers while writers replace it", async () => {
    const texts = ["x".repeat(100_000), "y".repeat(200_000)];
    await replaceFile(join(folder, "a"), texts[0]!);
    const writers = Array.from({ length: 20 }, (_, at) =>
      replaceFile(join(folder, "a"), texts[at % 2]!, { sync: false }),
    );
    for (let at = 0; at < 50; at++) expect(texts).toContain(await readFile(join(folder, "a"), "utf8"));
    await Promise.all(writers);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("leaves nothing when it fails", async () => {
    await mkdir(join(folder, "taken/inside"), { recursive: true });
    await expect(replaceFile(join(folder, "taken"), "x")).rejects.toThrow();
    expect(await readdir(folder)).toEqual(["taken"]);
  });
});
