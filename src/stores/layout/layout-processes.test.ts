import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "tsdown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bottomUp } from "../../content/index.js";
import { readAll } from "../../streams/index.js";
import { openLayout } from "./open-layout.js";

let root: string;
let script: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-processes-"));
  const outDir = join(root, "bin");
  await build({
    entry: { worker: fileURLToPath(new URL("layout-writer.worker.ts", import.meta.url)) },
    outDir,
    config: false,
    dts: false,
    clean: false,
    logLevel: "silent",
    platform: "node",
    deps: { alwaysBundle: [/./] },
  });
  const file = (await readdir(outDir)).find((name) => name.startsWith("worker."));
  script = join(outDir, file!);
});

afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

type Child = ChildProcessByStdio<null, Readable, Readable>;

function start(path: string, who: string, rounds: number, size: number, limits = ""): Child {
  const args = [script, path, who, String(rounds), String(size)];
  const stdio: ["ignore", "pipe", "pipe"] = ["ignore", "pipe", "pipe"];
  return limits === ""
    ? spawn(process.execPath, args, { stdio })
    : spawn("sh", ["-c", `${limits}; exec "$0" "$@"`, process.execPath, ...args], { stdio });
}

async function end(child: Child): Promise<{ acknowledged: [string, string][]; status: number | null; stderr: string }> {
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [out, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exit]);
  const acknowledged = out
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split(" ") as [string, string]);
  return { acknowledged, status, stderr };
}

async function verify(path: string, tags: readonly [string, string][]): Promise<void> {
  const store = await openLayout(path);
  for (const [tag, digest] of tags) {
    const image = await store.resolve(tag);
    expect(image.digest).toBe(digest);
    for await (const node of bottomUp(store, image)) await readAll(store.blob(node).open(), 10_000_000);
  }
}

async function temporaryFiles(path: string): Promise<string[]> {
  const own = await readdir(join(path, ".gantry"));
  const found = await Promise.all(own.filter((n) => n.startsWith("tmp")).map((n) => readdir(join(path, ".gantry", n))));
  return found.flat();
}

test("8 writers of 50 tags each lose none", async () => {
  const path = join(root, "writers");
  const ended = await Promise.all(Array.from({ length: 8 }, (_, who) => end(start(path, `w${who}`, 50, 100))));
  for (const { status, stderr } of ended) expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const acknowledged = ended.flatMap((each) => each.acknowledged);
  expect(acknowledged).toHaveLength(400);
  await verify(path, acknowledged);
  expect(await temporaryFiles(path)).toEqual([]);
});

test("killed at any moment, the layout opens and holds all that was acknowledged", async () => {
  const path = join(root, "killed");
  const acknowledged: [string, string][] = [];
  const { acknowledged: first } = await end(start(path, "first", 1, 1000));
  acknowledged.push(...first);
  let strays = 0;
  for (let round = 0; round < 20; round++) {
    const child = start(path, `k${round}`, 100_000, 2_000_000);
    const ending = end(child);
    // Past the start of the process, somewhere in its work.
    child.stdout.once("data", () => void sleep(Math.random() * 60).then(() => child.kill("SIGKILL")));
    acknowledged.push(...(await ending).acknowledged);
    strays += (await temporaryFiles(path)).length;
    const images = acknowledged.filter(([tag]) => tag.startsWith("first") || tag.startsWith(`k${round}-`));
    await verify(path, images);
  }
  expect(acknowledged.length).toBeGreaterThan(20);
  await verify(path, acknowledged);
  // The next writer cleans up, and is not held up by a dead one's lock.
  const last = await end(start(path, "last", 1, 1000));
  expect(last.status).toBe(0);
  expect({ strays, left: await temporaryFiles(path) }).toEqual({ strays: expect.any(Number), left: [] });
});

test("a file size limit is a full disk, and leaves nothing", async () => {
  const path = join(root, "limited");
  const before = await end(start(path, "small", 1, 1000));
  const { status, stderr } = await end(start(path, "big", 1, 3_000_000, "ulimit -f 1000"));
  expect(status).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({ code: "DISK_FULL", where: join(path, "blobs") });
  expect(await temporaryFiles(path)).toEqual([]);
  await verify(path, before.acknowledged);
});

test.each(["000", "077"])(
  "under umask %s temporary files are private and blobs readable by their owner",
  async (umask) => {
    const path = join(root, `umask-${umask}`);
    const child = start(path, "u", 3, 1000, `umask ${umask}`);
    const { status, acknowledged } = await end(child);
    expect(status).toBe(0);
    await verify(path, acknowledged);
  },
);

test("few file descriptors are waited for", async () => {
  const path = join(root, "descriptors");
  const { status, stderr } = await end(start(path, "few", 3, 1000, "ulimit -n 40"));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
