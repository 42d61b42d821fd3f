import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Descriptor, isDocument, MEDIA_TYPES } from "../spec/index.js";
import { memoryStore, type MemoryStore } from "./memory-store.js";
import { putBlob, putDocument, putImage, putIndex } from "./sample.test-support.js";
import { bottomUp, children } from "./walk.js";

async function collect(store: MemoryStore, root: Descriptor): Promise<Descriptor[]> {
  const nodes: Descriptor[] = [];
  for await (const node of bottomUp(store, root)) nodes.push(node);
  return nodes;
}

/** Images over few layers, then levels of indexes over whatever exists: diamonds, nesting and sharing come by themselves. */
const graphs = fc.record({
  images: fc.array(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  indexes: fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 6 }),
});

async function build(
  store: MemoryStore,
  graph: { images: number[][]; indexes: number[][] },
): Promise<{ root: Descriptor }> {
  const nodes: Descriptor[] = [];
  for (const layers of graph.images)
    nodes.push(await putImage(store, { layers: layers.map((layer) => `layer ${layer}`) }));
  for (const entries of graph.indexes)
    nodes.push(
      await putIndex(
        store,
        entries.map((entry) => nodes[entry % nodes.length]!),
      ),
    );
  return { root: nodes.at(-1)! };
}

/** What can be reached, found the plain recursive way. */
async function reachable(store: MemoryStore, node: Descriptor, into = new Set<string>()): Promise<Set<string>> {
  into.add(node.digest);
  for (const child of await children(store, node)) await reachable(store, child, into);
  return into;
}

describe("bottomUp", () => {
  test("over any graph: children before parents, each digest once, everything that can be reached", async () => {
    await fc.assert(
      fc.asyncProperty(graphs, async (graph) => {
        const store = memoryStore();
        const { root } = await build(store, graph);
        const nodes = await collect(store, root);
        const at = new Map(nodes.map((node, i) => [node.digest, i]));
        expect(at.size).toBe(nodes.length);
        expect(new Set(at.keys())).toEqual(await reachable(store, root));
        expect(nodes.at(-1)!.digest).toBe(root.digest);
        for (const node of nodes)
          for (const child of await children(store, node))
            expect(at.get(child.digest)!).toBeLessThan(at.get(node.digest)!);
      }),
    );
  });

  test("a subject is not a child", async () => {
    const store = memoryStore();
    const image = await putImage(store, { layers: ["of the image"] });
    const signature = await putImage(store, { layers: ["of the signature"], extra: { subject: image } });
    expect((await collect(store, signature)).map((node) => node.digest)).not.toContain(image.digest);
  });

  test("sixteen levels are walked, a seventeenth is refused", async () => {
    const store = memoryStore();
    let root = await putIndex(store, []);
    for (let level = 2; level <= 16; level++) root = await putIndex(store, [root]);
    expect(await collect(store, root)).toHaveLength(16);
    await expect(collect(store, await putIndex(store, [root]))).rejects.toMatchObject({ code: "INDEX_TOO_DEEP" });
  });

  test("two parents that give one digest two sizes are refused", async () => {
    const store = memoryStore();
    const layer = await putBlob(store, "shared");
    const config = await putBlob(store, "{}", MEDIA_TYPES.ociConfig);
    const manifest = { schemaVersion: 2, config, layers: [layer, { ...layer, size: layer.size + 1 }] };
    const root = await putDocument(store, manifest, MEDIA_TYPES.ociManifest);
    await expect(collect(store, root)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });

  test("one document under two media types is refused", async () => {
    const store = memoryStore();
    const image = await putImage(store);
    const root = await putIndex(store, [image, { ...image, mediaType: MEDIA_TYPES.dockerManifest }]);
    await expect(collect(store, root)).rejects.toMatchObject({ code: "MANIFEST_INVALID" });
  });

  test("a missing manifest is named", async () => {
    const store = memoryStore();
    const image = await putImage(store);
    const root = await putIndex(store, [image]);
    await store.remover.remove(image);
    await expect(collect(store, root)).rejects.toMatchObject({
      code: "MANIFEST_UNKNOWN",
      message: expect.stringContaining(image.digest),
    });
  });

  test("an index whose descriptor says manifest is refused (CVE-2021-41190)", async () => {
    const store = memoryStore();
    const index = await putIndex(store, []);
    await expect(collect(store, { ...index, mediaType: MEDIA_TYPES.ociManifest })).rejects.toMatchObject({
      code: "MANIFEST_INVALID",
    });
  });

  test("an aborted signal stops it", async () => {
    const store = memoryStore();
    const root = await putIndex(store, [await putImage(store)]);
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    await expect(bottomUp(store, root, { signal: stop.signal }).next()).rejects.toThrow("enough");
  });
});

test("a blob points at nothing, an image at its config and then its layers", async () => {
  const store = memoryStore();
  const image = await putImage(store, { layers: ["one", "two"] });
  const parts = await children(store, image);
  expect(parts.map((part) => part.mediaType)).toEqual([
    MEDIA_TYPES.ociConfig,
    MEDIA_TYPES.ociLayer,
    MEDIA_TYPES.ociLayer,
  ]);
  expect(parts.some(isDocument)).toBe(false);
  expect(await children(store, parts[0]!)).toEqual([]);
});
