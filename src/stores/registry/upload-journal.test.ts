import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Digest } from "../../spec/index.js";
import { UploadJournal, type UploadKey } from "./upload-journal.js";

const KEY: UploadKey = {
  origin: "https://registry.example",
  repository: "demo/app",
  digest: `sha256:${"a".repeat(64)}` as Digest,
};
const UPLOAD = {
  location: new URL("https://registry.example/v2/demo/app/blobs/uploads/1?_state=a%2Fb"),
  acknowledged: 7,
};

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "gantry-journal-")), "uploads");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

/** The number of a process that has ended. */
const DEAD = String(spawnSync(process.execPath, ["-e", "0"]).pid);

/** As if the process that noted all this had been killed. */
function killOwners(): void {
  for (const name of readdirSync(folder)) {
    renameSync(join(folder, name), join(folder, name.replace(`.${process.pid}-`, `.${DEAD}-`)));
  }
}

async function left(key = KEY, upload = UPLOAD): Promise<void> {
  const { entry } = await new UploadJournal(folder).open(key);
  await entry.record(upload);
  killOwners();
}

const found = async (key = KEY, journal = new UploadJournal(folder)) => (await journal.open(key)).found;

describe("an upload journal", () => {
  test("gives what a dead process left to one that comes after it, to one alone", async () => {
    await left();
    const all = await Promise.all(Array.from({ length: 8 }, () => found()));
    expect(all.filter((each) => each !== undefined)).toEqual([UPLOAD]);
    expect(await found()).toBeUndefined();
  });

  test("gives each of several leftovers to one of several that come, the newest first", async () => {
    const uploads = [1, 2, 3].map((acknowledged) => ({ ...UPLOAD, acknowledged }));
    const journal = new UploadJournal(folder);
    const entries = await Promise.all(uploads.map(async () => (await journal.open(KEY)).entry));
    for (const [i, entry] of entries.entries()) {
      await entry.record(uploads[i]!);
      utimesSync(entry.path, 1e9, Date.now() / 1000 - 60 + i);
    }
    killOwners();
    const got = [await found(), await found(), await found(), await found()];
    expect(got).toEqual([uploads[2], uploads[1], uploads[0], undefined]);
  });

  test("gives nothing of a process that lives, be it this one", async () => {
    const { entry } = await new UploadJournal(folder).open(KEY);
    await entry.record(UPLOAD);
    expect(await found()).toBeUndefined();
    await entry.leave();
    expect(await found()).toEqual(UPLOAD);
  });

  test("knows a number of a process that came again by the time of its start", async () => {
    const { entry } = await new UploadJournal(folder).open(KEY);
    await entry.record(UPLOAD);
    const [name = ""] = readdirSync(folder);
    const [, pidAndStart = ""] = /\.(\d+-\d+)-/.exec(name) ?? [];
    if (pidAndStart.endsWith("-0")) return expect(process.platform).not.toBe("linux");
    renameSync(join(folder, name), join(folder, name.replace(pidAndStart, `${process.pid}-1`)));
    expect(await found()).toEqual(UPLOAD);
  });

  test("does not touch another machine's uploads", async () => {
    await left();
    const [name = ""] = readdirSync(folder);
    renameSync(join(folder, name), join(folder, name.replace(/-[0-9a-f]{12}\./, "-0123456789ab.")));
    expect(await found()).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("keeps an upload through a second kill right after the first", async () => {
    await left();
    await found();
    killOwners();
    expect(await found()).toEqual(UPLOAD);
  });

  test("tells registries, repositories and blobs apart", async () => {
    await left();
    const others: readonly UploadKey[] = [
      { ...KEY, origin: "http://registry.example" },
      { ...KEY, repository: "demo/other" },
      { ...KEY, digest: `sha256:${"b".repeat(64)}` as Digest },
    ];
    for (const key of others) expect(await found(key)).toBeUndefined();
    expect(await found()).toEqual(UPLOAD);
  });

  test.each([
    ["nothing", ""],
    ["half", '{"version":1,"origin":"https://regis'],
    ["an entry of another key", undefined],
    ["a number", "7"],
    ["another version", JSON.stringify({ version: 2, ...KEY, location: UPLOAD.location, acknowledged: 1 })],
    ["less than nothing", JSON.stringify({ version: 1, ...KEY, location: UPLOAD.location, acknowledged: -1 })],
    [
      "a step from TLS to plain text",
      JSON.stringify({ version: 1, ...KEY, location: "http://registry.example/x", acknowledged: 1 }),
    ],
    ["no address", JSON.stringify({ version: 1, ...KEY, location: "file:///etc/passwd", acknowledged: 1 })],
    [
      "too much",
      JSON.stringify({ version: 1, ...KEY, location: UPLOAD.location, acknowledged: 1, more: "x".repeat(1e5) }),
    ],
  ])("takes an entry with %s in it for none, and clears it away", async (_what, text) => {
    await left();
    const [name = ""] = readdirSync(folder);
    writeFileSync(
      join(folder, name),
      text ?? JSON.stringify({ version: 1, ...KEY, repository: "x", location: UPLOAD.location, acknowledged: 1 }),
    );
    expect(await found()).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("forgets what is a day old", async () => {
    await left();
    const [name = ""] = readdirSync(folder);
    const yesterday = Date.now() / 1000 - 25 * 60 * 60;
    utimesSync(join(folder, name), yesterday, yesterday);
    expect(await found({ ...KEY, repository: "another" })).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  test("is for its owner's eyes only, and leaves nothing behind", async () => {
    const journal = new UploadJournal(folder);
    const { entry } = await journal.open(KEY);
    await entry.record(UPLOAD);
    await entry.record({ ...UPLOAD, acknowledged: 9 });
    expect(readdirSync(folder)).toHaveLength(1);
    expect(statSync(entry.path).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    await entry.forget();
    expect(readdirSync(folder)).toEqual([]);
    await left();
    await journal.forget(KEY);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("that cannot be written is no journal, and no error", async () => {
    writeFileSync(folder, "a file where the folder should be");
    const { entry, found: nothing } = await new UploadJournal(folder).open(KEY);
    expect(nothing).toBeUndefined();
    await entry.record(UPLOAD);
    await entry.leave();
    await entry.forget();
  });
});
