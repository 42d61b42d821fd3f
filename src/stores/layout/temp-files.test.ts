import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatOwner, thisProcess } from "./owner.js";
import { TempFiles } from "./temp-files.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-temp-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const own = () => join(root, `tmp-${process.getuid?.() ?? 0}`);

test("the first file of a writer removes what dead writers left, and nothing of the living", async () => {
  await mkdir(own(), { mode: 0o777 });
  const self = await thisProcess();
  const dead = { ...self, pid: spawnSync(process.execPath, ["-e", ""]).pid };
  const kept = [`${formatOwner(self)}-0011`, "bbbbbbbbbbbb-1-1-0022"];
  const gone = [`${formatOwner(dead)}-0033`, `${formatOwner({ ...self, pid: 1, started: "1234567890" })}-0044`];
  const abandoned = "cccccccccccc-1-1-0055";
  for (const name of [...kept, ...gone, abandoned]) await writeFile(join(own(), name), "x");
  const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
  await utimes(join(own(), abandoned), old, old);
  const temp = await new TempFiles(join(root, "tmp")).create();
  const names = await readdir(own());
  expect(names).toEqual(expect.arrayContaining(kept));
  expect(names).toHaveLength(kept.length + 1);
  expect((await stat(own())).mode & 0o777).toBe(0o700);
  await temp.close();
});

test("a file that is not published is removed, one that is stays, whole", async () => {
  const files = new TempFiles(join(root, "tmp"));
  const one = await files.create();
  await one.close();
  const two = await files.create();
  await two.file.writeFile("content");
  await two.publish(join(root, "final"), 0o640);
  await two.close();
  expect(await readdir(own())).toEqual([]);
  expect((await stat(join(root, "final"))).mode & 0o777).toBe(0o640);
  await files.dispose();
  expect(await readdir(root)).toEqual(["final"]);
  // Another writer's clean-up does not stop this one.
  await (await files.create()).close();
});
