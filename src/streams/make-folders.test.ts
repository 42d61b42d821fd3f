import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolders } from "./make-folders.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-folders-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("makeFolders", () => {
  it("makes what is missing, and says what the first of it was", async () => {
    expect(await makeFolders(join(folder, "a/b/c"), 0o700)).toBe(join(folder, "a"));
    expect((await stat(join(folder, "a/b/c"))).mode & 0o777).toBe(0o700);
    expect(await makeFolders(join(folder, "a/b/c"))).toBeUndefined();
    expect(await makeFolders(join(folder, "a/b/d"))).toBe(join(folder, "a/b/d"));
  });

  it("serves several at once", async () => {
    await Promise.all(Array.from({ length: 20 }, () => makeFolders(join(folder, "x/y/z"))));
    expect((await stat(join(folder, "x/y/z"))).isDirectory()).toBe(true);
  });

  it("refuses where a file is in the way", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(makeFolders(join(folder, "file"))).rejects.toMatchObject({ code: "EEXIST" });
    await expect(makeFolders(join(folder, "file/below"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it.runIf(process.platform === "linux")("ends where nothing can be made though the parent is there", async () => {
    await expect(makeFolders("/proc/gantry/below")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
