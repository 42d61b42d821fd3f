import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "./lock.js";
import { formatOwner, thisProcess } from "./owner.js";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "gantry-lock-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const where = "here";

test("one at a time, and every one in the end", async () => {
  let inside = 0;
  let done = 0;
  const work = async () =>
    await withLock(dir, { where }, async () => {
      expect(++inside).toBe(1);
      await sleep(1);
      inside--;
      done++;
    });
  await Promise.all(Array.from({ length: 60 }, work));
  expect(done).toBe(60);
  // Old numbers are swept, so the directory does not grow.
  const names = await readdir(dir);
  expect(names.length).toBeLessThan(12);
  // A layout may be handed on: it does not tell who wrote it.
  for (const name of names) expect(await readFile(join(dir, name), "utf8")).toBe("F");
});

test("is free again after what was done in it failed", async () => {
  await expect(withLock(dir, { where }, () => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
  expect(await withLock(dir, { where }, () => Promise.resolve("next"))).toBe("next");
});

test("of a dead process on this machine is broken at once, by one only", async () => {
  const dead = { ...(await thisProcess()), pid: spawnSync(process.execPath, ["-e", ""]).pid, started: "1" };
  await writeFile(join(dir, "7"), `H ${formatOwner(dead)} host\n`);
  let inside = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () =>
      // Shorter than the time after which an owner that cannot be asked counts as dead.
      withLock(dir, { where, timeoutMs: 10_000 }, async () => {
        expect(++inside).toBe(1);
        await sleep(2);
        inside--;
      }),
    ),
  );
});

test("of a process id that was used again is broken too", async () => {
  const again = { ...(await thisProcess()), pid: 1, started: "999999999999" };
  await writeFile(join(dir, "1"), `H ${formatOwner(again)} host\n`);
  await withLock(dir, { where, timeoutMs: 5000 }, () => Promise.resolve());
});

test.each([
  ["of a process that runs", async () => `H ${formatOwner(await thisProcess())} host\n`, "process"],
  ["of another machine", async () => `H aaaaaaaaaaaa-1-1 other\n`, "process 1 on other"],
  ["that is being taken", async () => "", "another process"],
])("the lock %s is waited for until the time is over", async (_, content, who) => {
  await writeFile(join(dir, "3"), await content());
  await expect(withLock(dir, { where, timeoutMs: 50 }, () => Promise.resolve())).rejects.toThrow(
    expect.objectContaining({ code: "LOCKED", where, message: expect.stringContaining(who) }),
  );
});

test("tells its holder when it was taken over", async () => {
  await withLock(dir, { where }, async (lock) => {
    await lock.stillMine();
    await writeFile(join(dir, "2"), "F");
    await expect(lock.stillMine()).rejects.toThrow(expect.objectContaining({ code: "LOCKED" }));
  });
});

test("a number that has been swept cannot be taken again", async () => {
  // The highest number decides, whatever is missing below it.
  await writeFile(join(dir, "100"), "F");
  await withLock(dir, { where }, async () => {
    expect(await readFile(join(dir, "101"), "utf8")).toMatch(/^H /);
  });
});

test("an abort ends the wait", async () => {
  await writeFile(join(dir, "1"), `H ${formatOwner(await thisProcess())} host\n`);
  const signal = AbortSignal.timeout(20);
  await expect(withLock(dir, { where, signal }, () => Promise.resolve())).rejects.toThrow(/abort/i);
});
