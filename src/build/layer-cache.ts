import * as z from "zod/mini";
import type { LowerReader, Writer } from "../content/index.js";
import { type Descriptor, type Digest, isDigest, isLayerType, type Json } from "../spec/index.js";

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

/** Where records can be kept: gantry's own store has such a place, and prunes it together with the blobs. */
export interface CacheRecords {
  /** What was put, or undefined; its shape is checked here. */
  get(key: string): Promise<unknown>;
  put(key: string, value: Json): Promise<void>;
}

/**
 * A cache whose records outlive the process. Losing any of them costs time, never correctness; one that has another
 * shape, an older gantry's, counts as none.
 */
export function recordLayerCache(store: LayerCache["store"], records: CacheRecords): LayerCache {
  return {
    store,
    async get(key) {
      const parsed = record.safeParse(await records.get(key));
      if (!parsed.success) return undefined;
      const { descriptor, diffId } = parsed.data;
      const { mediaType, digest, size } = descriptor;
      return { descriptor: { mediaType, digest: digest as Digest, size }, diffId: diffId as Digest };
    },
    async put(key, { descriptor, diffId }) {
      const { mediaType, digest, size } = descriptor;
      await records.put(key, { descriptor: { mediaType, digest, size }, diffId });
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
