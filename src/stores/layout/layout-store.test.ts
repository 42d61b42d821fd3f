import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ANNOTATIONS, type Descriptor, encodeJson, MEDIA_TYPES } from "../../spec/index.js";
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

test("a first write that fails leaves no directory", async () => {
  const path = join(root, "failed");
  {
    await using store = await openLayout(path, { create: true });
    const descriptor = describeBytes(bytesOf("right"), MEDIA_TYPES.ociLayer);
    await expect(store.writer.putBlob(descriptor, bytesBody(bytesOf("wrong")))).rejects.toThrow(
      code("DIGEST_MISMATCH"),
    );
  }
  expect(await readdir(root)).toEqual([]);
});

describe("names", () => {
  test("a tag replaces its own entry only; order, foreign entries, unknown fields and annotations stay", async () => {
    const store = await openLayout(root, { create: true });
    await putImage(store, "one", ["v1"]);
    await putImage(store, "two", ["v2"]);
    const index = await indexOf(root);
    const foreign = {
      mediaType: "application/xml",
      digest: digestOf(bytesOf("<x/>")),
      size: 4,
      annotations: { a: "b" },
      "x-own": [1],
    };
    const named = {
      ...index.manifests[0]!,
      annotations: { ...index.manifests[0]!.annotations, "io.containerd.image.name": "docker.io/library/x:v1" },
    };
    const written = {
      ...index,
      manifests: [named, foreign, index.manifests[1]],
      annotations: { k: "v" },
      "x-top": { y: 1 },
    };
    await writeFile(join(root, "index.json"), JSON.stringify(written));
    const three = await putImage(store, "three", ["v1"]);
    const after = await indexOf(root);
    expect(after).toEqual({
      ...written,
      manifests: [
        {
          ...three.descriptor,
          annotations: { "io.containerd.image.name": "docker.io/library/x:v1", [ANNOTATIONS.refName]: "v1" },
        },
        foreign,
        index.manifests[1],
      ],
    });
    expect(await store.resolve("docker.io/library/x:v1")).toEqual(three.descriptor);
    expect(await names(store)).toEqual(["v1", "v2"]);
  });

  test("without a name: the only image, or an error that lists the names", async () => {
    const store = await openLayout(root, { create: true });
    const one = await putImage(store, "one", ["v1", "v2"]);
    expect(await store.resolve("")).toEqual(one.descriptor);
    await putImage(store, "two", ["v3"]);
    await expect(store.resolve("")).rejects.toThrow(
      expect.objectContaining({ code: "MANIFEST_UNKNOWN", hint: "Names there: v1, v2, v3." }),
    );
    await expect(store.resolve("v4")).rejects.toThrow(
      expect.objectContaining({ code: "MANIFEST_UNKNOWN", hint: "Names there: v1, v2, v3." }),
    );
  });

  test("the image without a name is replaced by the next, and by nothing else", async () => {
    const store = await openLayout(root, { create: true });
    const named = await putImage(store, "named", ["v1"]);
    const first = await putImage(store, "first", [""]);
    const signature = await putImage(store, "signature", undefined, { subject: first.descriptor });
    expect(await store.resolve("")).toEqual(first.descriptor);
    const second = await putImage(store, "second", [""]);
    expect(await store.resolve("")).toEqual(second.descriptor);
    const digests = (await indexOf(root)).manifests.map((entry) => entry.digest);
    expect(digests).toEqual([named, second, signature].map((image) => image.descriptor.digest));
  });

  test("a document without names is content only: the child of an index that follows", async () => {
    const store = await openLayout(root, { create: true });
    const child = await putImage(store, "child");
    expect(await all(store.entries())).toEqual([]);
    // Still found by its digest, for a copy that was interrupted before its index.
    expect(await store.resolve(child.descriptor.digest)).toEqual(child.descriptor);
    const platform = { os: "linux", architecture: "arm64" };
    const bytes = encodeJson({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [{ ...child.descriptor, platform }],
    });
    const descriptor = describeBytes(bytes, MEDIA_TYPES.ociIndex);
    await store.writer.putManifest(bytes, descriptor, { tags: ["all"] });
    expect(await store.resolve("")).toEqual(descriptor);
    expect(await store.resolve(child.descriptor.digest)).toEqual({ ...child.descriptor, platform });
  });

  test("ifMatch moves a name only from what the caller saw", async () => {
    const store = await openLayout(root, { create: true });
    const one = await putImage(store, "one", ["v1"]);
    const two = await putImage(store, "two");
    const put = async (ifMatch: Descriptor["digest"] | "") =>
      await store.writer.putManifest(two.bytes, two.descriptor, { tags: ["v1"], ifMatch });
    await expect(put("")).rejects.toThrow(code("CONFLICT"));
    await expect(put(two.descriptor.digest)).rejects.toThrow(code("CONFLICT"));
    expect(await store.resolve("v1")).toEqual(one.descriptor);
    await put(one.descriptor.digest);
    expect(await store.resolve("v1")).toEqual(two.descriptor);
  });

  test("an index larger than a document that travels is read and written", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    const index = await indexOf(root);
    const more = Array.from({ length: 20_000 }, (_, at) => ({
      ...image.descriptor,
      annotations: { [ANNOTATIONS.refName]: `tag-${at}`, padding: "x".repeat(100) },
    }));
    await writeFile(join(root, "index.json"), JSON.stringify({ ...index, manifests: [...index.manifests, ...more] }));
    const two = await putImage(store, "two", ["v2"]);
    expect(await store.resolve("v2")).toEqual(two.descriptor);
    expect(await store.resolve("tag-19999")).toEqual(image.descriptor);
    expect(await names(store)).toHaveLength(20_002);
  });

  test("two entries of one name are ambiguous, unless they are the same", async () => {
    const store = await openLayout(root, { create: true });
    await putImage(store, "one", ["v1"]);
    await putImage(store, "two", ["v2"]);
    const index = await indexOf(root);
    const [one, two] = index.manifests as [Descriptor, Descriptor];
    await writeFile(
      join(root, "index.json"),
      JSON.stringify({ ...index, manifests: [one, { ...two, annotations: one.annotations }] }),
    );
    await expect(store.resolve("v1")).rejects.toThrow(code("CONFLICT"));
    const three = await putImage(store, "three", ["v1"]);
    expect(await store.resolve("v1")).toEqual(three.descriptor);
    expect((await indexOf(root)).manifests).toHaveLength(1);
  });

  test.each(["a b", "a\n", "-a", "ä", "a\u0000", "x".repeat(5000)])("the name %j is not written", async (name) => {
    const store = await openLayout(root, { create: true });
    await expect(putImage(store, "one", [name])).rejects.toThrow(code("REFERENCE_INVALID"));
  });

  test("many puts at once through one store and through several keep every name", async () => {
    const stores = await Promise.all(
      Array.from({ length: 4 }, async () => await openLayout(join(root, "n"), { create: true })),
    );
    const tags = Array.from({ length: 40 }, (_, at) => `t${at}`);
    await Promise.all(tags.map(async (tag, at) => await putImage(stores[at % 4]!, tag, [tag])));
    expect((await names(stores[0]!)).sort()).toEqual(tags.sort());
  });
});

describe("content", () => {
  test("Docker's documents are kept byte for byte under their own type", async () => {
    const store = await openLayout(root, { create: true });
    const { config, layer } = await putParts(store, "docker");
    const bytes = bytesOf(
      JSON.stringify(
        {
          schemaVersion: 2,
          mediaType: MEDIA_TYPES.dockerManifest,
          config: { ...config, mediaType: MEDIA_TYPES.dockerConfig },
          layers: [{ ...layer, mediaType: MEDIA_TYPES.dockerLayerGzip }],
        },
        null,
        3,
      ) + "\n",
    );
    const descriptor = describeBytes(bytes, MEDIA_TYPES.dockerManifest);
    await store.writer.putManifest(bytes, descriptor, { tags: ["d"] });
    expect(await store.resolve("d")).toEqual(descriptor);
    expect(await store.manifest(descriptor)).toEqual(bytes);
  });

  test("a blob whose digest is known only at its end gets it; the second time it is present", async () => {
    const store = await openLayout(root, { create: true });
    const bytes = bytesOf("streamed");
    const put = async () => await store.writer.putBlob({ mediaType: MEDIA_TYPES.ociLayer }, bytesBody(bytes));
    const descriptor = describeBytes(bytes, MEDIA_TYPES.ociLayer);
    expect(await put()).toEqual({ how: "uploaded", bytes: 8, descriptor });
    expect((await put()).descriptor).toEqual(descriptor);
    expect(await store.writer.putBlob(descriptor, bytesBody(bytes))).toEqual({ how: "present", bytes: 0, descriptor });
  });

  test("sha512 has its own directory", async () => {
    const store = await openLayout(root, { create: true });
    const bytes = bytesOf("long");
    const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes, "sha512"), size: 4 };
    await store.writer.putBlob(descriptor, bytesBody(bytes));
    expect(await readAll(store.blob(descriptor).open(), 10)).toEqual(bytes);
    expect(await readdir(join(root, "blobs", "sha512"))).toHaveLength(1);
  });

  test("what is not what was promised leaves nothing", async () => {
    const store = await openLayout(root, { create: true });
    const descriptor = describeBytes(bytesOf("right"), MEDIA_TYPES.ociLayer);
    const put = async (text: string) => await store.writer.putBlob(descriptor, bytesBody(bytesOf(text)));
    await expect(put("wrong")).rejects.toThrow(code("DIGEST_MISMATCH"));
    await expect(put("short".slice(1))).rejects.toThrow(code("SIZE_MISMATCH"));
    await expect(put("too long")).rejects.toThrow(code("SIZE_MISMATCH"));
    const failing = {
      size: 5,
      open: async function* () {
        yield bytesOf("ri");
        throw new Error("the source broke");
      },
    };
    await expect(store.writer.putBlob(descriptor, failing)).rejects.toThrow("the source broke");
    expect(await readdir(join(root, "blobs", "sha256"))).toEqual([]);
    expect(await readdir(join(root, ".gantry", `tmp-${process.getuid?.() ?? 0}`))).toEqual([]);
  });

  test("a temporary file is private while it is written, and the directory of the layout decides afterwards", async () => {
    for (const [mode, file] of [
      [0o755, 0o644],
      [0o700, 0o600],
      [0o775, 0o664],
      [0o777, 0o664],
    ] as const) {
      const path = join(root, mode.toString(8));
      await mkdir(path);
      await chmod(path, mode);
      const store = await openLayout(path, { create: true });
      const modes: number[] = [];
      const bytes = bytesOf("watched");
      const body = {
        size: 7,
        open: async function* () {
          const tmp = join(path, ".gantry", `tmp-${process.getuid?.() ?? 0}`);
          for (const name of [".", ...(await readdir(tmp))]) modes.push((await stat(join(tmp, name))).mode & 0o777);
          yield bytes;
        },
      };
      const descriptor = describeBytes(bytes, MEDIA_TYPES.ociLayer);
      await store.writer.putBlob(descriptor, body);
      expect(modes).toEqual([0o700, 0o600]);
      expect((await stat(store.blobPath(descriptor.digest))).mode & 0o777).toBe(file);
    }
  });

  test("a blob of the wrong size is repaired by the next put", async () => {
    const store = await openLayout(root, { create: true });
    const { layer } = await putImage(store, "one", ["v1"]);
    await writeFile(store.blobPath(layer.digest), "cut");
    expect(await store.exists(layer)).toBe(false);
    await expect(readAll(store.blob(layer).open(), 100)).rejects.toThrow(code("SIZE_MISMATCH"));
    const placement = await store.writer.putBlob(layer, bytesBody(bytesOf("layer one")));
    expect(placement.how).toBe("repaired");
    expect(await readAll(store.blob(layer).open(), 100)).toEqual(bytesOf("layer one"));
  });

  test("damage is found while it is read", async () => {
    const store = await openLayout(root, { create: true });
    const { layer, descriptor } = await putImage(store, "one", ["v1"]);
    await writeFile(store.blobPath(layer.digest), "layer 0ne");
    await expect(readAll(store.blob(layer).open(), 100)).rejects.toThrow(code("DIGEST_MISMATCH"));
    await writeFile(store.blobPath(descriptor.digest), "x".repeat(descriptor.size));
    await expect(store.manifest(descriptor)).rejects.toThrow(code("DIGEST_MISMATCH"));
  });

  test("a sparse layout is a layout; what is absent is unknown", async () => {
    const store = await openLayout(root, { create: true });
    const { layer, descriptor } = await putImage(store, "one", ["v1"]);
    await unlink(store.blobPath(layer.digest));
    await expect(readAll(store.blob(layer).open(), 100)).rejects.toThrow(code("BLOB_UNKNOWN"));
    await unlink(store.blobPath(descriptor.digest));
    await expect(store.manifest(descriptor)).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    expect(await store.resolve("v1")).toEqual(descriptor);
  });

  test("links are followed, what is not a file is not content", async () => {
    const store = await openLayout(root, { create: true });
    const { layer } = await putImage(store, "one", ["v1"]);
    const path = store.blobPath(layer.digest);
    await writeFile(join(root, "elsewhere"), "layer one");
    await unlink(path);
    await symlink("../../elsewhere", path);
    expect(await readAll(store.blob(layer).open(), 100)).toEqual(bytesOf("layer one"));
    await unlink(path);
    await symlink("/dev/zero", path);
    await expect(readAll(store.blob(layer).open(), 100)).rejects.toThrow(code("BLOB_UNKNOWN"));
  });

  test.each([
    "sha256:../../../etc/passwd",
    `sha256:${"0".repeat(63)}/`,
    `sha256:${"A".repeat(64)}`,
    `md5:${"0".repeat(32)}`,
    "sha256:",
    "",
  ])("the digest %j never becomes a path", async (digest) => {
    const store = await openLayout(root, { create: true });
    const descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digest as Descriptor["digest"], size: 1 };
    expect(() => store.blob(descriptor)).toThrow(code("DIGEST_INVALID"));
    await expect(store.exists(descriptor)).rejects.toThrow(code("DIGEST_INVALID"));
    await expect(store.writer.putBlob(descriptor, bytesBody(bytesOf("x")))).rejects.toThrow(code("DIGEST_INVALID"));
    await mkdir(join(root, "hostile"));
    await writeFile(join(root, "hostile", "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`);
    await writeFile(join(root, "hostile", "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
    await expect(openLayout(join(root, "hostile"))).rejects.toThrow(code("MANIFEST_INVALID"));
  });
});

describe("referrers", () => {
  test("are found without a name, by type, once, with the annotations that they carry", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    const more = { subject: image.descriptor, artifactType: "application/x-sbom", annotations: { a: "b" } };
    const sbom = await putImage(store, "sbom", undefined, more);
    const plain = await putImage(store, "plain", ["named"], { subject: image.descriptor });
    const of = { ...sbom.descriptor, artifactType: "application/x-sbom", annotations: { a: "b" } };
    const config = { ...plain.descriptor, artifactType: MEDIA_TYPES.ociConfig };
    expect(await all(store.referrers.list(image.descriptor))).toEqual([of, config]);
    expect(await all(store.referrers.list(image.descriptor, { artifactType: "application/x-sbom" }))).toEqual([of]);
    expect(await all(store.referrers.list(sbom.descriptor))).toEqual([]);
    // Beside its referrers the image is still the one that a layout without a name means.
    await store.tags.remove("named");
    expect(await store.resolve("")).toEqual(image.descriptor);
    expect(await all(store.referrers.list(image.descriptor))).toEqual([of, config]);
  });

  test("come from the fallback tag too", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    const hidden = await putImage(store, "signature", ["tmp"], { subject: image.descriptor });
    const bytes = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [hidden.descriptor] });
    const fallback = image.descriptor.digest.replace(":", "-");
    await store.writer.putManifest(bytes, describeBytes(bytes, MEDIA_TYPES.ociIndex), { tags: [fallback] });
    const index = await indexOf(root);
    const manifests = index.manifests.filter((entry) => entry.digest !== hidden.descriptor.digest);
    await writeFile(join(root, "index.json"), JSON.stringify({ ...index, manifests }));
    const fresh = await openLayout(root);
    const found = await all(fresh.referrers.list(image.descriptor));
    expect(found.map((each) => each.digest)).toEqual([hidden.descriptor.digest]);
  });
});

describe("removal", () => {
  test("of a name leaves the others and all content; of one that is not there is an error", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1", "v2"]);
    await store.tags.remove("v1");
    expect(await names(store)).toEqual(["v2"]);
    expect(await store.exists(image.layer)).toBe(true);
    await expect(store.tags.remove("v1")).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    const absent = await openLayout(join(root, "absent"), { create: true });
    await expect(absent.tags.remove("v1")).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    await expect(absent.remover.remove(image.descriptor)).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    expect(await readdir(root)).not.toContain("absent");
  });

  test("of a document takes its names, and its content only where nothing else reaches it", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1", "v2"]);
    const bytes = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [image.descriptor] });
    const index = describeBytes(bytes, MEDIA_TYPES.ociIndex);
    await store.writer.putManifest(bytes, index, { tags: ["all"] });
    await store.remover.remove(image.descriptor);
    expect(await names(store)).toEqual(["all"]);
    expect(await store.exists(image.descriptor)).toBe(true);
    await store.remover.remove(index);
    expect(await store.exists(index)).toBe(false);
    await store.remover.remove(image.descriptor);
    expect(await store.exists(image.descriptor)).toBe(false);
    await expect(store.remover.remove(image.descriptor)).rejects.toThrow(code("MANIFEST_UNKNOWN"));
    await expect(store.remover.remove({ ...image.layer, digest: digestOf(bytesOf("no")) })).rejects.toThrow(
      code("BLOB_UNKNOWN"),
    );
  });

  const age = async (store: LayoutStore, descriptor: Descriptor) => {
    const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
    await utimes(store.blobPath(descriptor.digest), old, old);
  };

  test("of garbage takes what is unreachable and old, and nothing else", async () => {
    const store = await openLayout(root, { create: true });
    const kept = await putImage(store, "kept", ["v1"]);
    const gone = await putImage(store, "gone", ["v2"]);
    const young = await putImage(store, "young");
    const held = await putImage(store, "held");
    await store.tags.remove("v2");
    for (const image of [kept, gone, held]) {
      for (const each of [image.descriptor, image.config, image.layer]) await age(store, each);
    }
    const keep = new Set([held.descriptor, held.config, held.layer].map((each) => each.digest));
    const report = await store.collectGarbage({ keep });
    expect(report).toEqual({ blobs: 3, bytes: gone.descriptor.size + gone.config.size + gone.layer.size });
    for (const image of [kept, young, held]) expect(await store.exists(image.layer)).toBe(true);
    expect(await store.exists(gone.layer)).toBe(false);
    expect(await store.collectGarbage({ keep })).toEqual({ blobs: 0, bytes: 0 });
  });

  test("of garbage leaves what a writer has just asked for", async () => {
    const store = await openLayout(root, { create: true });
    const { config, layer } = await putParts(store, "asked");
    for (const each of [config, layer]) await age(store, each);
    expect(await store.exists(layer)).toBe(true);
    expect((await store.writer.putBlob(config, bytesBody(bytesOf("")))).how).toBe("present");
    expect(await store.collectGarbage()).toEqual({ blobs: 0, bytes: 0 });
  });

  test("of garbage removes nothing when a document that might reach it is damaged", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    await age(store, image.layer);
    await writeFile(store.blobPath(image.descriptor.digest), "x".repeat(image.descriptor.size));
    await expect(store.collectGarbage()).rejects.toThrow(code("DIGEST_MISMATCH"));
    expect(await store.exists(image.layer)).toBe(true);
  });

  test("of garbage keeps what a document of an unknown type names", async () => {
    const store = await openLayout(root, { create: true });
    const { layer } = await putParts(store, "old");
    const bytes = encodeJson({ fsLayers: [{ blobSum: layer.digest }] });
    const schema1 = describeBytes(bytes, MEDIA_TYPES.dockerSchema1);
    await store.writer.putBlob(schema1, bytesBody(bytes));
    await putImage(store, "one", ["v1"]);
    const index = await indexOf(root);
    await writeFile(join(root, "index.json"), JSON.stringify({ ...index, manifests: [...index.manifests, schema1] }));
    await age(store, layer);
    await store.collectGarbage();
    expect(await store.exists(layer)).toBe(true);
  });

  test("of garbage, killed half-way, is undone by the next change", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    await rename(
      store.blobPath(image.layer.digest),
      join(root, ".gantry", `${image.layer.digest.replace(":", "-")}.removed`),
    );
    await putImage(store, "two", ["v2"]);
    expect(await readAll(store.blob(image.layer).open(), 100)).toEqual(bytesOf("layer one"));
  });

  test("of garbage takes nameless referrers with their subject only where asked to", async () => {
    const store = await openLayout(root, { create: true });
    const image = await putImage(store, "one", ["v1"]);
    const signature = await putImage(store, "signature", undefined, { subject: image.descriptor });
    const ofSignature = await putImage(store, "timestamp", undefined, { subject: signature.descriptor });
    for (const each of [image, signature, ofSignature]) await age(store, each.descriptor);
    await store.collectGarbage({ orphanReferrers: "remove" });
    expect(await all(store.entries())).toHaveLength(3);
    await store.tags.remove("v1");
    await store.collectGarbage({ graceMs: 7_200_000 });
    expect(await all(store.entries())).toHaveLength(2);
    await store.collectGarbage({ orphanReferrers: "remove" });
    expect(await all(store.entries())).toEqual([]);
  });
});
