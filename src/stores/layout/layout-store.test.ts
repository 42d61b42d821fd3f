import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ANNOTATIONS, type Descriptor, encodeJson, MEDIA_TYPES, parseDigest } from "../../spec/index.js";
import { bytesBody, digestOf, readAll } from "../../streams/index.js";
import type { LayoutStore } from "./layout-store.js";
import { openLayout } from "./open-layout.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-layout-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const bytesOf = (text: string) => new TextEncoder().encode(text);
const describeBytes = (bytes: Uint8Array, mediaType: string): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

interface Image {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly layer: Descriptor;
}

async function putParts(store: LayoutStore, text: string): Promise<{ config: Descriptor; layer: Descriptor }> {
  const layerBytes = bytesOf(`layer ${text}`);
  const configBytes = encodeJson({
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [] },
    text,
  });
  const layer = describeBytes(layerBytes, MEDIA_TYPES.ociLayer);
  const config = describeBytes(configBytes, MEDIA_TYPES.ociConfig);
  await store.writer.putBlob(layer, bytesBody(layerBytes));
  await store.writer.putBlob(config, bytesBody(configBytes));
  return { config, layer };
}

async function putImage(store: LayoutStore, text: string, tags?: string[], more: object = {}): Promise<Image> {
  const { config, layer } = await putParts(store, text);
  const bytes = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer], ...more });
  const descriptor = describeBytes(bytes, MEDIA_TYPES.ociManifest);
  await store.writer.putManifest(bytes, descriptor, tags === undefined ? {} : { tags });
  return { bytes, descriptor, config, layer };
}

async function indexOf(path: string): Promise<{ manifests: Descriptor[] } & Record<string, unknown>> {
  return JSON.parse(await readFile(join(path, "index.json"), "utf8"));
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

async function names(store: LayoutStore): Promise<string[]> {
  return await all(store.tags.list());
}

const code = (value: string) => expect.objectContaining({ code: value });

describe("a layout that is written and read", () => {
  test("gives back what was put, by name and by digest", async () => {
    const path = join(root, "a", "b");
    const store = await openLayout(path, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    const again = await openLayout(path);
    expect(await again.resolve("v1")).toEqual(image.descriptor);
    expect(await again.resolve(image.descriptor.digest)).toEqual(image.descriptor);
    expect(await again.resolve(`v1@${image.descriptor.digest}`)).toEqual(image.descriptor);
    expect(await again.resolve("")).toEqual(image.descriptor);
    expect(await again.manifest(image.descriptor)).toEqual(image.bytes);
    expect(await readAll(again.blob(image.layer).open(), 100)).toEqual(bytesOf("layer one"));
    expect(await readAll(again.blob(image.layer).open({ start: 6 }), 100)).toEqual(bytesOf("one"));
    expect(await again.exists(image.layer)).toBe(true);
    expect(JSON.parse(await readFile(join(path, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    expect((await stat(join(path, "index.json"))).mode & 0o400).toBe(0o400);
  });

  test("holds nothing before the first write, and no temporary file after it", async () => {
    const path = join(root, "new");
    const store = await openLayout(path, { create: true });
    expect(await store.exists(describeBytes(bytesOf("x"), MEDIA_TYPES.ociLayer))).toBe(false);
    await expect(store.resolve("x")).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    expect(await readdir(root)).toEqual([]);
    await putImage(store, "one", ["v1"]);
    await store[Symbol.asyncDispose]();
    expect(await readdir(join(path, ".gantry"))).toEqual(["lock"]);
  });
});
