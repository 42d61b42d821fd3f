import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryStore, type Store, verifyGraph } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, encodeJson, MEDIA_TYPES } from "../spec/index.js";
import { bytesBody, digestOf } from "../streams/index.js";
import { processMemory } from "./memory.js";
import { planCopy } from "./plan-copy.js";

/** A store that counts what is asked of it and can be made to fail: a wrapper around the real store in memory. */
function watched(
  inner: Store,
  hooks: { onPutBlob?: (d: Descriptor) => void; onPutManifest?: (d: Descriptor, tags: readonly string[]) => void } = {},
) {
  const calls: string[] = [];
  const store: Store = {
    location: inner.location,
    ...(inner.repository === undefined ? {} : { repository: inner.repository }),
    resolve: (name, o) => (calls.push(`resolve ${name}`), inner.resolve(name, o)),
    manifest: (d, o) => (calls.push("manifest"), inner.manifest(d, o)),
    blob: (d) => (calls.push("blob"), inner.blob(d)),
    exists: (d, o) => (calls.push(`exists ${d.digest.slice(7, 11)}`), inner.exists(d, o)),
    writer: {
      accepts: inner.writer!.accepts,
      async putBlob(d, body, o) {
        if (d.digest !== undefined) hooks.onPutBlob?.(d);
        calls.push("putBlob");
        return inner.writer!.putBlob(d, body, o);
      },
      async putManifest(bytes, d, o) {
        hooks.onPutManifest?.(d, o?.tags ?? []);
        calls.push(`putManifest ${o?.tags?.join(",") ?? "-"}`);
        return inner.writer!.putManifest(bytes, d, o);
      },
    },
  };
  return { store, calls };
}

async function addImage(store: Store, seed: string, layers: number): Promise<Descriptor> {
  const put = async (mediaType: string, bytes: Uint8Array): Promise<Descriptor> => {
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    await store.writer!.putBlob(descriptor, bytesBody(bytes));
    return descriptor;
  };
  const config = await put(
    MEDIA_TYPES.ociConfig,
    encodeJson({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] }, seed }),
  );
  const made: Descriptor[] = [];
  for (let at = 0; at < layers; at++)
    made.push(await put(MEDIA_TYPES.ociLayerGzip, new TextEncoder().encode(`${seed} layer ${at}`.repeat(4000))));
  return putDocument(store, MEDIA_TYPES.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config,
    layers: made,
  });
}

async function putDocument(store: Store, mediaType: string, value: object, tags?: string[]): Promise<Descriptor> {
  const bytes = encodeJson(value);
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.writer!.putManifest(bytes, descriptor, tags === undefined ? {} : { tags });
  return descriptor;
}

async function addIndex(store: Store, manifests: Descriptor[]): Promise<Descriptor> {
  return putDocument(store, MEDIA_TYPES.ociIndex, { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });
}

describe("planCopy", () => {
  it("brings everything that the root reaches, children before parents, names last", async () => {
    const from = memoryStore();
    const root = await addIndex(from, [
      await addImage(from, "a", 2),
      await addIndex(from, [await addImage(from, "b", 3)]),
    ]);
    const puts: string[] = [];
    const to = memoryStore({ location: "to" });
    const { store } = watched(to, { onPutManifest: (d, tags) => puts.push(`${d.digest}${tags.join("")}`) });
    const plan = await planCopy(from, root, [{ store, tag: "1", name: "to:1" }]);
    const report = await plan.apply();
    expect((await verifyGraph(to, await to.resolve("1"))).nodes).toBe(4 + 2 * 1 + 5);
    expect(puts.at(-1)).toBe(`${root.digest}1`);
    expect(report.destinations).toEqual([{ name: "to:1", digest: root.digest, status: "done", changed: true }]);
    expect(report.totals.uploaded.count).toBe(11);
  });

  it("writes nothing while it plans, and says what it would do", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 2);
    const { store, calls } = watched(memoryStore({ location: "to" }));
    const plan = await planCopy(from, root, [{ store, tag: "1", name: "to:1" }]);
    expect(calls.filter((call) => call.startsWith("put"))).toEqual([]);
    expect(plan.steps.map((step) => step.action).toSorted()).toEqual(["put", "tag", "upload", "upload", "upload"]);
    expect(plan.totals).toEqual({
      uploaded: { count: 4, bytes: plan.steps.reduce((sum, step) => sum + step.bytes, 0) },
      mounted: { count: 0, bytes: 0 },
      present: { count: 0, bytes: 0 },
    });
    expect(plan.destinations[0]!.status).toBe("planned");
  });

  it("asks one question when the name points there already", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 5);
    const { store, calls } = watched(memoryStore({ location: "to" }));
    await (await planCopy(from, root, [{ store, tag: "1", name: "to:1" }])).apply();
    calls.length = 0;
    const report = await (await planCopy(from, root, [{ store, tag: "1", name: "to:1" }])).apply();
    expect(calls).toEqual(["resolve 1"]);
    expect(report.destinations[0]!.changed).toBe(false);
    expect(report.totals.uploaded.count).toBe(0);
  });

  it("asks for the root first under a new name where it was seen before: one question and one put", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 5);
    const inner = memoryStore({ location: "localhost:5000/a" });
    const repository = { host: "localhost:5000", repository: "a" };
    const { store, calls } = watched(Object.assign(inner, { repository }));
    const memory = processMemory();
    await (await planCopy(from, root, [{ store, tag: "1", name: "to:1" }], { memory })).apply();
    calls.length = 0;
    await (await planCopy(from, root, [{ store, tag: "2", name: "to:2" }], { memory })).apply();
    expect(calls).toEqual([`exists ${root.digest.slice(7, 11)}`, "putManifest 2"]);
  });

  it("survives a memory that is wrong: what was deleted is sent again", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 2);
    const repository = { host: "localhost:5000", repository: "a" };
    const memory = processMemory();
    const first = Object.assign(memoryStore({ location: "localhost:5000/a" }), { repository });
    await (await planCopy(from, root, [{ store: first, tag: "1", name: "to:1" }], { memory })).apply();
    const emptied = Object.assign(memoryStore({ location: "localhost:5000/a" }), { repository });
    await (await planCopy(from, root, [{ store: emptied, tag: "2", name: "to:2" }], { memory })).apply();
    await verifyGraph(emptied, await emptied.resolve("2"));
  });

  it("moves no name anywhere when one destination fails", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 3);
    const good = memoryStore({ location: "good" });
    let puts = 0;
    const { store: bad } = watched(memoryStore({ location: "bad" }), {
      onPutBlob: () => {
        if (++puts === 2) throw new GantryError("REGISTRY_UNAVAILABLE", "gone");
      },
    });
    const plan = await planCopy(from, root, [
      { store: good, tag: "1", name: "good:1" },
      { store: bad, tag: "1", name: "bad:1" },
    ]);
    await expect(plan.apply()).rejects.toMatchObject({
      code: "REGISTRY_UNAVAILABLE",
      side: "destination",
      where: "bad:1",
    });
    await expect(good.resolve("1")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
  });

  it("sends again what a registry said it had and had not", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a", 2);
    const inner = memoryStore({ location: "to" });
    const { store } = watched(inner);
    let refused = false;
    const lying: Store = {
      ...store,
      exists: async () => true,
      resolve: (name, o) => inner.resolve(name, o),
      writer: {
        accepts: store.writer!.accepts,
        putBlob: (d, body, o) => inner.writer.putBlob(d, body, o),
        async putManifest(bytes, d, o) {
          if (!refused) {
            refused = true;
            throw new GantryError("BLOB_UNKNOWN", "blob unknown to registry");
          }
          return inner.writer.putManifest(bytes, d, o);
        },
      },
    };
    // The root itself is missing, all blobs are said to be there.
    const plan = await planCopy(from, root, [
      { store: { ...lying, exists: async (d) => d.digest !== root.digest }, tag: "1", name: "to:1" },
    ]);
    const report = await plan.apply();
    await verifyGraph(inner, await inner.resolve("1"));
    expect(report.steps.filter((step) => step.placement?.how === "repaired").length).toBe(3);
  });

  it("names the side of a failing source", async () => {
    const from = memoryStore({ location: "from" });
    const missing: Descriptor = {
      mediaType: MEDIA_TYPES.ociManifest,
      digest: `sha256:${"0".repeat(64)}` as Digest,
      size: 3,
    };
    await expect(
      planCopy(from, missing, [{ store: memoryStore({ location: "to" }), tag: "1", name: "to:1" }]),
    ).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN", side: "source" });
  });

  it("copies any graph so that it verifies, whatever the destination holds already (property)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.boolean(),
        async (shape, preset) => {
          const from = memoryStore();
          const to = memoryStore({ location: "to" });
          const indexes: Descriptor[] = [];
          for (const seeds of shape) {
            const images: Descriptor[] = [];
            for (const seed of seeds) images.push(await addImage(from, seed, 2));
            indexes.push(await addIndex(from, images));
          }
          if (preset) await addImage(to, "a", 2);
          const root = await addIndex(from, indexes);
          await (await planCopy(from, root, [{ store: to, tag: "x", name: "to:x" }])).apply();
          const copied = await to.resolve("x");
          expect(copied.digest).toBe(root.digest);
          await verifyGraph(to, copied);
        },
      ),
      { numRuns: 30 },
    );
  });
});
