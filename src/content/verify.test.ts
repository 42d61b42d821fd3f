import { describe, expect, test } from "vitest";
import { type Descriptor, MEDIA_TYPES } from "../spec/index.js";
import { bytesBody } from "../streams/index.js";
import { memoryStore } from "./memory-store.js";
import { descriptorOf, putBlob, putDocument, putImage, putIndex, utf8 } from "./sample.test-support.js";
import type { ContentReader } from "./store.js";
import { verifyGraph } from "./verify.js";
import { bottomUp, children } from "./walk.js";

/** A reader that hands out other bytes for one digest, without checking: what a broken disk or server does. */
const tampered = (store: ContentReader, digest: string, bytes: Uint8Array): ContentReader => ({
  resolve: (name, o) => store.resolve(name, o),
  exists: (d, o) => store.exists(d, o),
  manifest: async (d, o) => (d.digest === digest ? bytes : await store.manifest(d, o)),
  blob: (d) => (d.digest === digest ? bytesBody(bytes) : store.blob(d)),
});

describe("verifyGraph", () => {
  test("counts every node and byte once", async () => {
    const store = memoryStore();
    const one = await putImage(store, { layers: ["shared", "one"] });
    const two = await putImage(store, { layers: ["shared", "two"] });
    const root = await putIndex(store, [one, two, one]);
    const told: Descriptor[] = [];
    let bytes = 0;
    for await (const node of bottomUp(store, root)) bytes += node.size;
    const answer = await verifyGraph(store, root, { onNode: (node) => told.push(node), concurrency: 1 });
    expect(answer).toEqual({ nodes: 7, bytes });
    expect(new Set(told.map((node) => node.digest)).size).toBe(7);
  });

  test("any single changed node is found and named, whatever the concurrency", async () => {
    const store = memoryStore();
    const root = await putIndex(store, [await putImage(store, { layers: ["a", "b"] })]);
    const nodes: Descriptor[] = [];
    for await (const node of bottomUp(store, root)) nodes.push(node);
    for (const node of nodes)
      for (const concurrency of [1, 3]) {
        const bad = tampered(store, node.digest, new Uint8Array(node.size));
        await expect(verifyGraph(bad, root, { concurrency })).rejects.toMatchObject({
          code: "DIGEST_MISMATCH",
          facts: { digest: node.digest },
        });
      }
  });

  test("a missing blob is named, also when only asked for", async () => {
    const store = memoryStore();
    const root = await putImage(store, { layers: ["a", "b"] });
    const lost = (await children(store, root))[2]!;
    await store.remover.remove(lost);
    for (const blobs of [true, false])
      await expect(verifyGraph(store, root, { blobs })).rejects.toMatchObject({
        code: "BLOB_UNKNOWN",
        facts: { digest: lost.digest },
      });
  });

  test("without blobs only documents are read", async () => {
    const store = memoryStore();
    const root = await putImage(store, { layers: ["a", "b"] });
    expect(await verifyGraph(store, root, { blobs: false })).toEqual({ nodes: 4, bytes: root.size });
  });

  test("a foreign layer may be elsewhere, but is checked when it is here", async () => {
    const store = memoryStore();
    const config = await putBlob(store, "{}", MEDIA_TYPES.ociConfig);
    const foreign = { ...descriptorOf(utf8("windows"), MEDIA_TYPES.ociForeignLayer), urls: ["https://example.com/x"] };
    const root = await putDocument(store, { schemaVersion: 2, config, layers: [foreign] }, MEDIA_TYPES.ociManifest);
    expect(await verifyGraph(store, root)).toMatchObject({ nodes: 2 });
    await store.writer.putBlob(foreign, bytesBody(utf8("windows")));
    expect(await verifyGraph(store, root)).toMatchObject({ nodes: 3 });
  });

  test("stops at the caller's signal", async () => {
    const store = memoryStore();
    const root = await putImage(store, { layers: ["a", "b"] });
    const stop = new AbortController();
    const answer = verifyGraph(store, root, {
      signal: stop.signal,
      concurrency: 1,
      onNode: () => stop.abort(new Error("enough")),
    });
    await expect(answer).rejects.toThrow("enough");
  });
});
