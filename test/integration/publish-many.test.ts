import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryStore, verifyGraph } from "../../src/content/index.js";
import { Gantry, type TransferFailed } from "../../src/gantry.js";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import type { Descriptor } from "../../src/spec/index.js";
import { openHost } from "../../src/stores/registry/index.js";
import { addArtifact, addImage } from "../../src/transfer/content.test-support.js";
import { planCopy } from "../../src/transfer/index.js";
import { type FrontDoor, frontDoor } from "./front-door.js";
import { Sandbox } from "./gantry-cli.js";

const MIB = 1024 * 1024;

let root: string;
let gantry: Gantry;
const registries: RunningRegistry[] = [];
const doors: FrontDoor[] = [];
const open: AsyncDisposable[] = [];

/** A registry of its own with a door before it. */
async function registry(): Promise<FrontDoor> {
  const running = await serve({ root: join(root, `registry-${registries.length}`), durable: false });
  registries.push(running);
  const door = await frontDoor(running.url);
  doors.push(door);
  return door;
}

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-publish-"));
  gantry = new Gantry({ dataDir: join(root, "data"), cacheDir: join(root, "cache"), retry: 1, retryDelay: 5 });
});
afterEach(async () => {
  await gantry[Symbol.asyncDispose]();
  for (const each of [...open.splice(0), ...doors.splice(0)]) await each[Symbol.asyncDispose]();
  for (const each of registries.splice(0)) await each.close();
  await rm(root, { recursive: true, force: true });
});

function repository(door: FrontDoor, name: string) {
  const host = openHost({ name: door.host });
  open.push(host);
  return host.repository(name, { access: "write" });
}

/** Puts an image straight into a registry. */
async function put(
  door: FrontDoor,
  name: string,
  tag: string,
  seed: string,
  layerBytes = 2 * MIB,
): Promise<Descriptor> {
  const memory = memoryStore();
  const image = await addImage(memory, seed, { layers: 3, layerBytes });
  const store = repository(door, name);
  await (await planCopy(memory, image, [{ store, tag, name: tag }])).apply();
  door.log.length = 0;
  return image;
}

const digestAt = async (door: FrontDoor, name: string, tag: string): Promise<string | undefined> => {
  const store = repository(door, name);
  return store.resolve(tag).then(
    ({ digest }) => digest,
    () => undefined,
  );
};

const failure = async (work: Promise<unknown>): Promise<TransferFailed> => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown as TransferFailed,
  );
  if (error === undefined) throw new Error("it did not fail");
  return error;
};

const statuses = (error: TransferFailed) => error.report.destinations.map(({ status }) => status);

describe("publishing to several registries", () => {
  it("reads every blob once from the source; repositories of one host mount from the first", async () => {
    const [source, a, b, c] = [await registry(), await registry(), await registry(), await registry()];
    const image = await put(source, "app", "1", "once");
    const names = [`${a.host}/x:1`, `${b.host}/x:1`, `${c.host}/x:1`, `${c.host}/y:1`];
    const report = await (await gantry.copy(`${source.host}/app:1`, names)).apply();
    const reads = source.log.filter((line) => line.startsWith("GET") && line.includes("/blobs/"));
    expect(reads.length).toBe(4);
    expect(new Set(reads).size).toBe(4);
    expect(report.totals.uploaded.count).toBe(3 * 4 + 4);
    expect(report.totals.mounted.count).toBe(4);
    for (const [door, name] of [
      [a, "x"],
      [b, "x"],
      [c, "x"],
      [c, "y"],
    ] as const) {
      const store = repository(door, name);
      await verifyGraph(store, await store.resolve("1"));
      expect(await digestAt(door, name, "1")).toBe(image.digest);
    }
  });

  it("one that dies in the middle: no tag points at the new image anywhere; later only what is missing is sent", async () => {
    const [source, a, b, c] = [await registry(), await registry(), await registry(), await registry()];
    const old = await put(a, "x", "1", "old");
    const image = await put(source, "app", "1", "new");
    let uploads = 0;
    c.judge = ({ method, path }) => {
      if (method === "PUT" && path.includes("/uploads/")) uploads += 1;
      return uploads >= 2 ? "hang up" : "pass";
    };
    const names = [`${a.host}/x:1`, `${b.host}/x:1`, `${c.host}/x:1`];
    const error = await failure((await gantry.copy(`${source.host}/app:1`, names)).apply());
    expect(error).toMatchObject({ code: "CONNECTION_FAILED", side: "destination" });
    expect(error.where).toContain(c.host);
    expect(statuses(error)).toEqual(["planned", "planned", "failed"]);
    expect(error.report.destinations[2]!.error!.code).toBe("CONNECTION_FAILED");
    c.judge = () => "pass";
    expect(await digestAt(a, "x", "1")).toBe(old.digest);
    expect(await digestAt(b, "x", "1")).toBeUndefined();
    expect(await digestAt(c, "x", "1")).toBeUndefined();

    const there = await Promise.all([0, 1, 2].map(async (at) => blobsOf(at + 1)));
    const plan = await gantry.copy(`${source.host}/app:1`, names);
    const report = await plan.apply();
    expect(report.destinations.map(({ status }) => status)).toEqual(["done", "done", "done"]);
    for (const [at, door] of [a, b, c].entries()) {
      const sent = report.steps.filter(
        ({ action, destination }) => action === "upload" && destination.startsWith(door.host),
      );
      expect(sent.map(({ descriptor }) => descriptor.digest).filter((digest) => there[at]!.has(digest))).toEqual([]);
      const store = repository(door, "x");
      expect((await store.resolve("1")).digest).toBe(image.digest);
      await verifyGraph(store, image);
    }
  });

  it("a name that cannot be moved: those that moved get their very bytes back, those that are new go", async () => {
    const [source, a, b] = [await registry(), await registry(), await registry()];
    const old = await put(a, "x", "stable", "old");
    await put(source, "app", "1", "new");
    b.judge = ({ method, path }) => (method === "PUT" && path.endsWith("/manifests/stable") ? { status: 403 } : "pass");
    const names = [`${a.host}/x:stable`, `${a.host}/x:fresh`, `${b.host}/x:stable`];
    const error = await failure((await gantry.copy(`${source.host}/app:1`, names)).apply());
    expect(error.code).toBe("DENIED");
    expect(await digestAt(a, "x", "stable")).toBe(old.digest);
    expect(await digestAt(a, "x", "fresh")).toBeUndefined();
    const [stable, , other] = error.report.destinations;
    expect(other).toMatchObject({ status: "failed", error: { code: "DENIED" } });
    expect(stable!.status).toBe("planned");
    for (const { name, note } of error.report.destinations.slice(0, 2)) {
      if (a.log.some((line) => line === `PUT /v2/x/manifests/${name.split(":").at(-1)}`))
        expect(note).toMatch(/put back|removed again/);
    }

    const left = await failure((await gantry.copy(`${source.host}/app:1`, names, { rollback: false })).apply());
    const moved = left.report.destinations.filter(({ status }) => status === "done");
    for (const { name } of moved) expect(await digestAt(a, "x", name.split(":").at(-1)!)).toBe(left.report.digest);
    expect(moved.length).toBeGreaterThan(0);
  });

  it("names that one store moves after the other are put back too, where the last one fails", async () => {
    const [source, a] = [await registry(), await registry()];
    const old = await put(a, "x", "1", "old");
    await put(source, "app", "1", "new");
    a.judge = ({ method, path }) => (method === "PUT" && path.endsWith("/manifests/3") ? { status: 403 } : "pass");
    const names = ["1", "2", "3"].map((tag) => `${a.host}/x:${tag}`);
    const error = await failure((await gantry.copy(`${source.host}/app:1`, names)).apply());
    expect(statuses(error)).toEqual(["planned", "planned", "failed"]);
    expect(error.report.destinations[0]!.note).toBe(`put back to ${old.digest}`);
    expect(error.report.destinations[1]!.note).toMatch(/removed again/);
    expect(await digestAt(a, "x", "1")).toBe(old.digest);
    expect(await digestAt(a, "x", "2")).toBeUndefined();
    a.judge = () => "pass";
    await (await gantry.copy(`${source.host}/app:1`, names)).apply();
    expect(a.log.filter((line) => line.startsWith("POST")).length).toBe(4);
  });

  it("names in layouts and in gantry's own store are put back as well", async () => {
    const [source, a] = [await registry(), await registry()];
    const old = await put(source, "app", "old", "old", 1000);
    await put(source, "app", "1", "new", 1000);
    const layout = `oci:${join(root, "layout")}`;
    await (await gantry.copy(`${source.host}/app:old`, [`${layout}:1`, "local:kept:1"])).apply();
    a.judge = ({ method, path }) => (method === "PUT" && path.endsWith("/manifests/1") ? { status: 403 } : "pass");
    const names = [`${layout}:1`, `${layout}:2`, "local:kept:1", "local:fresh:1", `${a.host}/x:1`];
    await failure((await gantry.copy(`${source.host}/app:1`, names)).apply());
    for (const name of [`${layout}:1`, "local:kept:1"])
      expect((await gantry.resolve(name)).descriptor.digest).toBe(old.digest);
    for (const name of [`${layout}:2`, "local:fresh:1"])
      await expect(gantry.resolve(name)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
  });

  it("where a registry cannot remove tags the report says so", async () => {
    const [source, a, b] = [await registry(), await registry(), await registry()];
    await put(source, "app", "1", "new", 1000);
    a.judge = ({ method }) => (method === "DELETE" ? { status: 405 } : "pass");
    // B refuses only when A's name has been moved.
    b.judge = ({ method, path }) => (method === "PUT" && path.endsWith("/manifests/1") ? { status: 403 } : "pass");
    const names = [`${a.host}/x:1`, `${b.host}/x:1`];
    let note: string | undefined;
    // Both names move at the same time; A's has moved nearly always when B's refusal is there.
    for (let round = 0; round < 5 && note === undefined; round++) {
      const error = await failure((await gantry.copy(`${source.host}/app:1`, names)).apply());
      note = error.report.destinations[0]!.note;
    }
    expect(note).toMatch(/could not be put back: the registry does not remove tags/);
  });

  it("--json has the error and every destination; the exit code is 1", async () => {
    const box = await Sandbox.create();
    open.push(box);
    const [source, a, b] = [await registry(), await registry(), await registry()];
    await put(source, "app", "1", "new", 1000);
    b.judge = ({ path }) => (path.includes("/uploads/") ? { status: 400 } : "pass");
    const ran = await box.run(["copy", "--json", `${source.host}/app:1`, `${a.host}/x:1`, `${b.host}/x:1`]);
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      error: { code: "REGISTRY_REFUSED", side: "destination" },
      destinations: [
        { name: `${a.host}/x:1`, status: "planned" },
        { name: `${b.host}/x:1`, status: "failed", error: { code: "REGISTRY_REFUSED" } },
      ],
    });
    expect(await digestAt(a, "x", "1")).toBeUndefined();
  });
});

describe("the options of copy", () => {
  it("are checked before anything is done, and do what they say", async () => {
    const box = await Sandbox.create();
    open.push(box);
    const [source, a] = [await registry(), await registry()];
    const image = await put(source, "app", "1", "new", 1000);
    const memory = memoryStore();
    await addImage(memory, "new", { layers: 3, layerBytes: 1000 });
    const signature = await addArtifact(memory, "signature", { subject: image });
    const to = repository(source, "app");
    await (await planCopy(memory, signature, [{ store: to, name: "signature" }])).apply();
    const from = `${source.host}/app:1`;
    for (const [args, said] of [
      [["--attached", "signature"], /no type of attachment.*signatures/],
      [["--sparse"], /which platforms.*--platform/],
    ] as const) {
      const ran = await box.run(["copy", ...args, from, `${a.host}/x:1`]);
      expect([ran.code, ran.stderr]).toEqual([2, expect.stringMatching(said)]);
    }
    expect(a.log).toEqual([]);
    const dry = JSON.parse(await box.ok(["copy", "--json", "--dry-run", from, `${a.host}/x:1`])) as {
      steps: { digest: string; attachedTo?: string }[];
    };
    expect(dry.steps.find(({ digest }) => digest === signature.digest)?.attachedTo).toBe(image.digest);
    expect(a.log.filter((line) => !line.startsWith("HEAD"))).toEqual([]);
    const has = (name: string) => repository(a, name).exists(signature);
    await box.ok(["copy", "--attached=none", from, `${a.host}/without:1`]);
    await box.ok(["copy", "--attached", "signatures,application/vnd.example+json", from, `${a.host}/with:1`]);
    expect([await has("without"), await has("with")]).toEqual([false, true]);
    // The image is there already: looked for only when that is asked for.
    await box.ok(["copy", from, `${a.host}/without:1`]);
    expect(await has("without")).toBe(false);
    await box.ok(["copy", "--attached", "all", from, `${a.host}/without:1`]);
    expect(await has("without")).toBe(true);
  });
});

/** The digests that a registry has files of. */
async function blobsOf(at: number): Promise<ReadonlySet<string>> {
  const files = await readdir(join(root, `registry-${at}`, "blobs", "sha256"), { recursive: true }).catch(() => []);
  return new Set(files.flatMap((file) => (/[0-9a-f]{64}$/.exec(file) === null ? [] : [`sha256:${file.slice(-64)}`])));
}
