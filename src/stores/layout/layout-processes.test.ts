import { type ChildProcessByStdio, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
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
  // Another user runs the script in one of the tests.
  await chmod(root, 0o755);
  const outDir = join(root, "bin");
  await build({
    entry: { worker: fileURLToPath(new URL("layout-writer.worker.ts", import.meta.url)) },
    outDir,
    config: false,
    dts: false,
    clean: false,
    logLevel: "silent",
    platform: "node",
    target: "node20",
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
  for (let round = 0; round < 20; round++) {
    const child = start(path, `k${round}`, 100_000, 2_000_000);
    const ending = end(child);
    // Past the start of the process, somewhere in its work.
    child.stdout.once("data", () => void sleep(Math.random() * 60).then(() => child.kill("SIGKILL")));
    acknowledged.push(...(await ending).acknowledged);
    const images = acknowledged.filter(([tag]) => tag.startsWith("first") || tag.startsWith(`k${round}-`));
    await verify(path, images);
  }
  expect(acknowledged.length).toBeGreaterThan(20);
  await verify(path, acknowledged);
  // The next writer cleans up, and is not held up by a dead one's lock.
  const last = await end(start(path, "last", 1, 1000));
  expect(last.status).toBe(0);
  expect(await temporaryFiles(path)).toEqual([]);
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

test.each([
  ["000", 0o755, 0o644],
  ["022", 0o755, 0o644],
  ["077", 0o700, 0o600],
])("under umask %s directories are %o and files %o", async (umask, directory, file) => {
  const path = join(root, "umask", umask, "layout");
  const { status, acknowledged } = await end(start(path, "u", 2, 1000, `umask ${umask}`));
  expect(status).toBe(0);
  await verify(path, acknowledged);
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const modes = { directories: new Set<number>([(await stat(path)).mode & 0o777]), files: new Set<number>() };
  for (const entry of entries) {
    if (entry.parentPath.includes(".gantry")) continue;
    const { mode } = await stat(join(entry.parentPath, entry.name));
    modes[entry.isDirectory() ? "directories" : "files"].add(mode & 0o777);
  }
  expect(modes).toEqual({ directories: new Set([directory]), files: new Set([file]) });
});

test("a directory that may not be written is told before anything is done", async () => {
  const closed = join(root, "closed");
  await mkdir(closed, { mode: 0o555 });
  const path = join(closed, "layout");
  const child = spawn(process.execPath, [script, path, "x", "1", "10"], {
    stdio: ["ignore", "pipe", "pipe"],
    // To root nothing is closed.
    ...(process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}),
  });
  const { status, stderr } = await end(child);
  expect(status).toBe(1);
  expect(JSON.parse(stderr)).toMatchObject({
    code: "IO",
    where: `oci:${path}`,
    message: `not allowed to write to ${closed} (EACCES)`,
  });
  await chmod(closed, 0o755);
  expect(await readdir(closed)).toEqual([]);
});

test("few file descriptors are waited for", async () => {
  const path = join(root, "descriptors");
  const { status, stderr } = await end(start(path, "few", 3, 1000, "ulimit -n 40"));
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
