import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Descriptor, encodeJson, MEDIA_TYPES } from "../../spec/index.js";
import { bytesBody, digestOf, readAll } from "../../streams/index.js";
import { openLayout } from "../layout/index.js";
import { type LocalStore, openLocal } from "./local-store.js";

let base: string;
let root: string;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "gantry-local-"));
  root = join(base, "data", "gantry");
});
afterEach(async () => {
  await rm(base, { recursive: true, force: true });
});

const describeBytes = (bytes: Uint8Array, mediaType: string): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

async function putImage(local: LocalStore, name: string, created: string): Promise<Descriptor[]> {
  const layerBytes = new TextEncoder().encode(`layer of ${name}`);
  const configBytes = encodeJson({
    created,
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [] },
  });
  const layer = describeBytes(layerBytes, MEDIA_TYPES.ociLayer);
  const config = describeBytes(configBytes, MEDIA_TYPES.ociConfig);
  const bytes = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer, layer] });
  const image = describeBytes(bytes, MEDIA_TYPES.ociManifest);
  await local.store.writer.putBlob(layer, bytesBody(layerBytes));
  await local.store.writer.putBlob(config, bytesBody(configBytes));
  await local.store.writer.putManifest(bytes, image, { tags: [name] });
  return [image, config, layer];
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

async function age(path: string, hours: number): Promise<void> {
  const old = new Date(Date.now() - hours * 60 * 60 * 1000);
  await utimes(path, old, old);
}

async function records(): Promise<string[]> {
  const found = await readdir(join(root, "cache", "v1"), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const NAME = "docker.io/library/app:latest";

test("nothing is made by looking; the first write makes a private directory that other tools read as a layout", async () => {
  const local = await openLocal(root);
  expect(await all(local.images())).toEqual([]);
  expect(await local.cache.get("x")).toBeUndefined();
  expect(await readdir(base)).toEqual([]);
  const [image] = await putImage(local, NAME, "2024-01-02T03:04:05Z");
  await local.cache.put("key", [1]);
  for (const path of [
    join(base, "data"),
    root,
    join(root, "images"),
    join(root, "images", "blobs"),
    join(root, "cache"),
  ]) {
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  }
  expect((await stat(local.store.blobPath(image!.digest))).mode & 0o777).toBe(0o600);
  expect(await (await openLayout(join(root, "images"))).resolve(NAME)).toEqual(image);
});

test("images are listed with when they were made and what they take", async () => {
  const local = await openLocal(root);
  const parts = await putImage(local, NAME, "2024-01-02T03:04:05Z");
  await putImage(local, "localhost:5000/b:1", "2025-01-02T03:04:05Z");
  const [first, second] = await all((await openLocal(root)).images());
  expect(first).toMatchObject({ name: NAME, created: "2024-01-02T03:04:05Z" });
  expect(first?.descriptor.digest).toBe(parts[0]!.digest);
  expect(first?.size).toBe(parts.reduce((sum, each) => sum + each.size, 0));
  expect(second?.name).toBe("localhost:5000/b:1");
});

test("a damaged image is still listed, and can be removed", async () => {
  const local = await openLocal(root);
  const [image] = await putImage(local, NAME, "2024-01-02T03:04:05Z");
  await writeFile(local.store.blobPath(image!.digest), "x".repeat(image!.size));
  expect((await all(local.images())).map((each) => each.name)).toEqual([NAME]);
  await local.remove(NAME);
  expect(await all(local.images())).toEqual([]);
  await expect(local.remove(NAME)).rejects.toThrow(expect.objectContaining({ code: "MANIFEST_UNKNOWN" }));
});

test("the cache gives back what was put, under its key only, after any number of puts", async () => {
  const { cache } = await openLocal(root);
  await cache.put("a", { digest: "d", list: [1, null, "é"], deep: { x: true } });
  await cache.put("b", 2);
  await Promise.all(Array.from({ length: 20 }, async (_, at) => await cache.put("c", at)));
  const again = (await openLocal(root)).cache;
  expect(await again.get("a")).toEqual({ digest: "d", list: [1, null, "é"], deep: { x: true } });
  expect(await again.get("b")).toBe(2);
  expect(await again.get("c")).toEqual(expect.any(Number));
  expect(await again.get("../../a")).toBeUndefined();
});

test("a damaged record is a miss, wherever the damage is, and can be written again", async () => {
  const { cache } = await openLocal(root);
  await cache.put("key", { answer: 42 });
  const [path] = await records();
  const bytes = await readFile(path!);
  for (let at = 0; at < bytes.length; at += 3) {
    const broken = Buffer.from(bytes);
    broken[at]! ^= 1;
    await writeFile(path!, broken);
    // The newline after the checksum is the one byte that says nothing.
    if (at !== 64) expect(await cache.get("key")).toBeUndefined();
    await truncate(path!, at);
    expect(await cache.get("key")).toBeUndefined();
  }
  await cache.put("key", { answer: 43 });
  expect(await cache.get("key")).toEqual({ answer: 43 });
});

test("a cached layer is a blob of the layout", async () => {
  const { cache, store } = await openLocal(root);
  const bytes = new TextEncoder().encode("cached");
  const { descriptor } = await cache.blobs.putBlob({ mediaType: MEDIA_TYPES.ociLayer }, bytesBody(bytes));
  expect(await cache.blobs.hasBlob(descriptor.digest)).toBe(6);
  expect(await cache.blobs.hasBlob(digestOf(new Uint8Array(1)))).toBeUndefined();
  expect(await readAll(cache.blobs.blob(descriptor).open(), 10)).toEqual(bytes);
  expect(await readFile(cache.blobs.blobPath(descriptor.digest))).toEqual(Buffer.from(bytes));
  expect(await store.exists(descriptor)).toBe(true);
});

test("prune frees removed images; keeps images, cached layers in use, and what is young", async () => {
  const local = await openLocal(root);
  const { cache, store } = local;
  const cached = async (text: string) => {
    const { descriptor } = await cache.blobs.putBlob(
      { mediaType: MEDIA_TYPES.ociLayer },
      bytesBody(new TextEncoder().encode(text)),
    );
    await cache.put(text, { digest: descriptor.digest });
    return descriptor;
  };
  const kept = await putImage(local, NAME, "2024-01-02T03:04:05Z");
  const gone = await putImage(local, "localhost/gone:1", "2023-01-02T03:04:05Z");
  const unused = await cached("unused");
  for (const path of await records()) await age(path, 24 * 30);
  const used = await cached("used");
  for (const each of [...kept, ...gone, unused, used]) await age(store.blobPath(each.digest), 24 * 30);
  const young = await cached("young");
  await local.remove("localhost/gone:1");
  expect(await local.prune()).toEqual({
    blobs: 4,
    bytes: [...gone, unused].reduce((sum, each) => sum + each.size, 0),
    records: 1,
  });
  for (const each of [...kept, used, young]) expect(await store.exists(each)).toBe(true);
  for (const each of [...gone, unused]) expect(await store.exists(each)).toBe(false);
  expect(await cache.get("unused")).toBeUndefined();
  expect(await cache.get("used")).toEqual({ digest: used.digest });
  // Not even a wish for nothing takes what a writer may be about to name.
  await local.prune({ keepCacheFor: 0 });
  expect(await store.exists(young)).toBe(true);
});
