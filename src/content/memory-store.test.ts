import { describe, expect, test } from "vitest";
import { encodeJson, MEDIA_TYPES } from "../spec/index.js";
import { type Body, bytesBody, digestOf, readAll } from "../streams/index.js";
import { memoryStore } from "./memory-store.js";
import { descriptorOf, putBlob, putImage, putIndex, utf8 } from "./sample.test-support.js";

const all = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
};

const inPieces = (...pieces: string[]): Body => ({
  size: undefined,
  async *open() {
    for (const piece of pieces) yield utf8(piece);
  },
});

describe("blobs", () => {
  test("come back as they were put, whole and from an offset", async () => {
    const store = memoryStore();
    const blob = await putBlob(store, "0123456789");
    expect(await readAll(store.blob(blob).open(), 100)).toEqual(utf8("0123456789"));
    expect(await readAll(store.blob(blob).open({ start: 7 }), 100)).toEqual(utf8("789"));
    expect(await store.exists(blob)).toBe(true);
  });

  test("are refused when they are not what was promised, and nothing is kept", async () => {
    const store = memoryStore();
    const wrong = descriptorOf(utf8("right"), MEDIA_TYPES.ociLayer);
    await expect(store.writer.putBlob(wrong, bytesBody(utf8("wrong")))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
    await expect(store.writer.putBlob(wrong, bytesBody(utf8("much longer")))).rejects.toMatchObject({
      code: "SIZE_MISMATCH",
    });
    expect(await store.exists(wrong)).toBe(false);
  });

  test("whose size the descriptor gets wrong by one are refused at reading (faults D35)", async () => {
    const store = memoryStore();
    const blob = await putBlob(store, "0123456789");
    const short = store.blob({ ...blob, size: blob.size - 1 });
    await expect(readAll(short.open(), 100)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(readAll(short.open({ start: 2 }), 100)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  test("of unknown digest are named when they have been read", async () => {
    const store = memoryStore();
    const counts: number[] = [];
    const placement = await store.writer.putBlob({ mediaType: MEDIA_TYPES.ociLayer }, inPieces("ab", "c"), {
      onBytes: (count) => counts.push(count),
    });
    expect(placement).toEqual({
      how: "uploaded",
      bytes: 3,
      descriptor: { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(utf8("abc")), size: 3 },
    });
    expect(counts).toEqual([2, 1]);
  });

  test("that are there are not read again, unless they are said to be broken", async () => {
    const store = memoryStore();
    const blob = await putBlob(store, "once");
    let opened = 0;
    const body: Body = {
      size: 4,
      open: (options) => {
        opened += 1;
        return bytesBody(utf8("once")).open(options);
      },
    };
    expect(await store.writer.putBlob(blob, body)).toMatchObject({ how: "present", bytes: 0 });
    expect(opened).toBe(0);
    expect(await store.writer.putBlob(blob, body, { present: "ignore" })).toMatchObject({ how: "repaired", bytes: 4 });
    expect(opened).toBe(1);
  });

  test("do not change when the caller's buffer does", async () => {
    const store = memoryStore();
    const bytes = utf8("mine");
    const { descriptor } = await store.writer.putBlob(descriptorOf(bytes, MEDIA_TYPES.ociLayer), bytesBody(bytes));
    bytes.fill(0);
    expect(await readAll(store.blob(descriptor).open(), 100)).toEqual(utf8("mine"));
  });

  test("that are not there are unknown", async () => {
    const blob = descriptorOf(utf8("nowhere"), MEDIA_TYPES.ociLayer);
    await expect(readAll(memoryStore().blob(blob).open(), 100)).rejects.toMatchObject({ code: "BLOB_UNKNOWN" });
  });
});

describe("manifests and names", () => {
  test("a tag and a digest resolve to the same descriptor", async () => {
    const store = memoryStore();
    const image = await putImage(store, { tags: ["1.0", "latest"] });
    expect(await store.resolve("1.0")).toEqual(image);
    expect(await store.resolve(image.digest)).toEqual(image);
    expect(await all(store.tags.list())).toEqual(["1.0", "latest"]);
  });

  test("an unknown tag names its neighbours", async () => {
    const store = memoryStore({ location: "memory:here" });
    await putImage(store, { tags: ["1.0", "1.1", "latest"] });
    await expect(store.resolve("lates")).rejects.toMatchObject({
      code: "MANIFEST_UNKNOWN",
      where: "memory:here",
      hint: "Tags there: 1.0, 1.1, latest. Did you mean latest?",
    });
    await expect(memoryStore().resolve("x")).rejects.toMatchObject({ hint: "There are no tags here." });
  });

  test("bytes that do not match, or are no manifest, are refused and no tag moves", async () => {
    const store = memoryStore();
    const before = await putImage(store, { tags: ["1"] });
    const other = encodeJson({ schemaVersion: 2 });
    const put = (bytes: Uint8Array, of: Uint8Array) =>
      store.writer.putManifest(bytes, descriptorOf(of, MEDIA_TYPES.ociIndex), { tags: ["1"] });
    await expect(put(other, utf8("something else"))).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(put(other, other)).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
    expect(await store.resolve("1")).toEqual(before);
  });

  test("ifMatch moves all names or none", async () => {
    const store = memoryStore();
    const one = await putImage(store, { layers: ["1"], tags: ["a", "b"] });
    const two = await putImage(store, { layers: ["2"], tags: ["b"] });
    const bytes = await store.manifest(two);
    const move = (ifMatch: typeof one.digest | "", ...tags: string[]) =>
      store.writer.putManifest(bytes, two, { tags, ifMatch });
    await expect(move(one.digest, "a", "b")).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await store.resolve("a")).digest).toBe(one.digest);
    await expect(move("", "a")).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(move(one.digest, "c")).rejects.toMatchObject({ code: "CONFLICT", message: "the tag c is gone" });
    await move("", "c");
    await move(one.digest, "a");
    expect(await Promise.all(["a", "c"].map(async (tag) => (await store.resolve(tag)).digest))).toEqual([
      two.digest,
      two.digest,
    ]);
  });

  test("removing a name leaves the content, removing the content takes its names", async () => {
    const store = memoryStore();
    const image = await putImage(store, { tags: ["a", "b"] });
    await store.tags.remove("a");
    expect(await store.exists(image)).toBe(true);
    await store.remover.remove(image);
    expect(await all(store.tags.list())).toEqual([]);
    await expect(store.manifest(image)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    await expect(store.tags.remove("b")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    await expect(store.remover.remove(image)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
  });
});

test("referrers carry artifactType and annotations, and are filtered by the first", async () => {
  const store = memoryStore();
  const subject = await putImage(store);
  const plain = await putImage(store, { layers: ["sbom"], extra: { subject, annotations: { k: "v" } } });
  const typed = await putImage(store, { layers: ["sig"], extra: { subject, artifactType: "application/x.sig" } });
  await putIndex(store, [subject]);
  expect(await all(store.referrers.list(subject))).toEqual([
    { ...plain, artifactType: MEDIA_TYPES.ociConfig, annotations: { k: "v" } },
    { ...typed, artifactType: "application/x.sig" },
  ]);
  expect(await all(store.referrers.list(subject, { artifactType: "application/x.sig" }))).toHaveLength(1);
});
