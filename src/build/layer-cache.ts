import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { LowerReader, Writer } from "../content/index.js";
import { type Descriptor, type Digest, hexOf, isDigest, isLayerType } from "../spec/index.js";
import { digestOf } from "../streams/index.js";

/** A layer that was built before. */
export interface CachedLayer {
  /** Of the compressed blob, with an OCI media type. */
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/** Where layers are kept between builds: their blobs in a store, and what they were made of under keys. */
export interface LayerCache {
  /** Takes the blobs, and gives them back, verified while they are read. */
  readonly store: LowerReader & { readonly writer: Writer };
  get(key: string): Promise<CachedLayer | undefined>;
  put(key: string, layer: CachedLayer): Promise<void>;
}

/** A cache that lasts as long as the value. */
export function memoryLayerCache(store: LayerCache["store"]): LayerCache {
  const records = new Map<string, CachedLayer>();
  return {
    store,
    get: async (key) => records.get(key),
    put: async (key, layer) => void records.set(key, layer),
  };
}

/**
 * A cache whose records are small files in a folder. Losing any of them costs time, never correctness; a record that
 * cannot be read counts as none. Several builds may share the folder.
 */
export function fileLayerCache(store: LayerCache["store"], directory: string): LayerCache {
  const pathOf = (key: string): string => {
    const hex = hexOf(digestOf(new TextEncoder().encode(key)));
    return join(directory, hex.slice(0, 2), `${hex}.json`);
  };
  return {
    store,
    async get(key) {
      const path = pathOf(key);
      try {
        const { descriptor, diffId } = z.parse(record, JSON.parse(await readFile(path, "utf8")));
        return {
          descriptor: { mediaType: descriptor.mediaType, digest: descriptor.digest as Digest, size: descriptor.size },
          diffId: diffId as Digest,
        };
      } catch (error) {
        // A torn or foreign record would be met again at each build.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") await rm(path, { force: true }).catch(() => {});
        return undefined;
      }
    },
    async put(key, { descriptor, diffId }) {
      const path = pathOf(key);
      const { default: writeFileAtomic } = await import("write-file-atomic");
      await mkdir(join(path, ".."), { recursive: true });
      const { mediaType, digest, size } = descriptor;
      // No fsync: after a power cut the record is there, or it is not, or get() throws it away.
      await writeFileAtomic(path, JSON.stringify({ descriptor: { mediaType, digest, size }, diffId }), {
        fsync: false,
      });
    },
  };
}

const digest = z.string().check(z.refine((text) => isDigest(text)));
const record = z.object({
  descriptor: z.object({
    mediaType: z.string().check(z.refine((text) => isLayerType(text))),
    digest,
    size: z.int().check(z.minimum(0)),
  }),
  diffId: digest,
});
