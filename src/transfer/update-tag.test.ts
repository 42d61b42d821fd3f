import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryStore, type Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, encodeJson, MEDIA_TYPES, parseIndex } from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import { type CurrentTag, type NewRoot, updateTag } from "./update-tag.js";

/** Adds an entry to the index that a tag names. */
function adding(entry: Descriptor) {
  return (current: CurrentTag | undefined): NewRoot | undefined => {
    const manifests = current === undefined ? [] : parseIndex(current.bytes).manifests;
    if (manifests.some(({ digest }) => digest === entry.digest)) return undefined;
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [...manifests, entry] };
    return { bytes: encodeJson(index), mediaType: MEDIA_TYPES.ociIndex };
  };
}

const entry = (seed: string): Descriptor => {
  return { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(new TextEncoder().encode(seed)), size: 100 };
};

async function entriesAt(store: Store, tag: string): Promise<Digest[]> {
  const bytes = await store.manifest(await store.resolve(tag));
  return parseIndex(bytes).manifests.map(({ digest }) => digest);
}

/** A store that is asked over a wire: every answer takes a turn or some, and nothing is compared by the store itself. */
function distant(inner: Store, delays: readonly number[]): Store {
  let at = 0;
  const pass = () => new Promise((resolve) => setTimeout(resolve, delays[at++ % delays.length]));
  const after = async <T>(work: () => Promise<T>): Promise<T> => {
    await pass();
    return work();
  };
  return {
    location: inner.location,
    resolve: (name, o) => after(() => inner.resolve(name, o)),
    manifest: (d, o) => after(() => inner.manifest(d, o)),
    blob: (d) => inner.blob(d),
    exists: (d, o) => after(() => inner.exists(d, o)),
    writer: {
      accepts: inner.writer!.accepts,
      putBlob: (b, body, o) => inner.writer!.putBlob(b, body, o),
      // As the store of a registry that ignores If-Match: looked up, then written, with time between the two.
      async putManifest(bytes, d, { ifMatch, ...options } = {}) {
        const [tag] = options.tags ?? [];
        const now = await after(() => inner.resolve(tag!).catch(() => undefined));
        if (ifMatch !== undefined && (now?.digest ?? "") !== ifMatch) throw new GantryError("CONFLICT", "moved");
        return after(() => inner.writer!.putManifest(bytes, d, options));
      },
    },
  };
}

describe("updateTag", () => {
  it("makes a tag, changes it, and writes nothing when nothing has to change", async () => {
    const store = memoryStore();
    const first = await updateTag(store, "1", adding(entry("a")));
    expect(first).toMatchObject({ before: undefined, writes: 1 });
    const second = await updateTag(store, "1", adding(entry("b")));
    expect(second).toMatchObject({ before: first.after, writes: 1 });
    expect(await updateTag(store, "1", adding(entry("a")))).toMatchObject({ after: second.after, writes: 0 });
    expect(await entriesAt(store, "1")).toEqual([entry("a").digest, entry("b").digest]);
  });

  it("loses nothing where the store compares, whoever comes between (property)", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 5 }), { minLength: 2, maxLength: 12 }), async (writers) => {
        const store = memoryStore();
        await Promise.all(writers.map((_, at) => updateTag(store, "1", adding(entry(String(at))))));
        expect(new Set(await entriesAt(store, "1")).size).toBe(writers.length);
      }),
      { numRuns: 20 },
    );
  });

  it("loses nothing where nobody compares, as long as a request takes less than the pause", async () => {
    const inner = memoryStore({ location: "distant" });
    const writers = ["a", "b", "c"].map((who) => ({ who, store: distant(inner, [1, 3, 2, 5]) }));
    for (let round = 0; round < 8; round++) {
      await Promise.all(writers.map(({ who, store }) => updateTag(store, "1", adding(entry(`${who} ${round}`)))));
    }
    expect(new Set(await entriesAt(inner, "1")).size).toBe(24);
  });

  it("passes on what no other try would change", async () => {
    const inner = memoryStore();
    const refusing: Store = {
      ...inner,
      writer: {
        ...inner.writer,
        putManifest: () => Promise.reject(new GantryError("DENIED", "no")),
      },
    };
    await expect(updateTag(refusing, "1", adding(entry("a")))).rejects.toMatchObject({ code: "DENIED" });
  });
});
