import { join } from "node:path";
import { type CallOptions, children, type Placement, type PutOptions, type StreamedBlob } from "../../content/index.js";
import {
  type Descriptor,
  type Digest,
  isIndex,
  isManifest,
  type Json,
  MAX_DOCUMENT_BYTES,
  parseImageConfig,
  parseManifest,
} from "../../spec/index.js";
import { type Body, readAll } from "../../streams/index.js";
import { isAttachedName, type LayoutStore, openLayout } from "../layout/index.js";
import { CacheRecords } from "./cache-records.js";

/** An image of the local store. */
export interface LocalImage {
  /** The whole reference: `docker.io/library/app:latest`. */
  readonly name: string;
  readonly descriptor: Descriptor;
  /** When its configuration says that it was made; of an index, its first image's. */
  readonly created?: string;
  /** The bytes of all content that it reaches, each blob once. */
  readonly size: number;
}

/** Cached layers: blobs of the images' own layout, so that a layer that is cached and used is stored once. */
export interface CachedBlobs {
  /** The file of a blob, whether it is there or not. */
  blobPath(digest: Digest): string;
  /** The blob's size, or undefined where it is not there. Asking keeps it from being pruned. */
  hasBlob(digest: Digest): Promise<number | undefined>;
  blob(descriptor: Descriptor): Body;
  putBlob(blob: Descriptor | StreamedBlob, body: Body, options?: PutOptions): Promise<Placement>;
}

/** What builds remember. */
export interface LocalCache {
  /** The value under a key, or undefined where there is none or it is damaged. Its shape is the caller's to check. */
  get(key: string): Promise<unknown>;
  /** @throws GantryError DISK_FULL, IO */
  put(key: string, value: Json): Promise<void>;
  readonly blobs: CachedBlobs;
}

/** Options of {@link LocalStore.prune}. */
export interface PruneOptions extends CallOptions {
  /** How long, in milliseconds, a cache record stays after its last use, and the blobs that it names; a week where not given. */
  readonly keepCacheFor?: number;
  /** However little is kept, blobs this young stay, for a writer may be about to name them; an hour where not given. */
  readonly graceMs?: number;
}

/** What a prune removed. */
export interface PruneReport {
  readonly blobs: number;
  readonly bytes: number;
  readonly records: number;
}

/**
 * gantry's own store: the images that builds made and pulls brought, under their whole names, in an OCI layout
 * (`images/`, so that any tool can read it), and the cache of builds beside it (`cache/`).
 */
export class LocalStore implements AsyncDisposable {
  readonly root: string;
  /** The images as a store; names are whole references. */
  readonly store: LayoutStore;
  readonly cache: LocalCache;
  readonly #records: CacheRecords;

  constructor(root: string, store: LayoutStore) {
    this.root = root;
    this.store = store;
    this.#records = new CacheRecords(join(root, "cache"));
    this.cache = {
      get: async (key) => await this.#records.get(key),
      put: async (key, value) => await this.#records.put(key, value),
      blobs: {
        blobPath: (digest) => store.blobPath(digest),
        hasBlob: async (digest) => await store.blobSize(digest),
        blob: (descriptor) => store.blob(descriptor),
        putBlob: async (blob, body, options) => await store.writer.putBlob(blob, body, options),
      },
    };
  }

  /** The named images, in the order in which they came. */
  async *images(options?: CallOptions): AsyncGenerator<LocalImage, void, undefined> {
    for await (const { name, descriptor } of this.store.entries(options)) {
      if (name === undefined || isAttachedName(descriptor)) continue;
      const { size, created } = await this.#measure(descriptor, options);
      yield { name, descriptor, size, ...(created === undefined ? {} : { created }) };
    }
  }

  /**
   * Removes a name; {@link prune} frees what nothing else names.
   *
   * @throws GantryError MANIFEST_UNKNOWN
   */
  async remove(name: string, options?: CallOptions): Promise<void> {
    await this.store.tags.remove(name, options);
  }

  /** Frees the content of removed images with what referred to it, and what the cache has not used for long. */
  async prune(options: PruneOptions = {}): Promise<PruneReport> {
    const { keepCacheFor = A_WEEK_MS, graceMs = AN_HOUR_MS, signal } = options;
    const { removed, digests } = await this.#records.prune(keepCacheFor);
    const garbage = await this.store.collectGarbage({ graceMs, keep: digests, orphanReferrers: "remove", signal });
    return { ...garbage, records: removed };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records.dispose();
    await this.store[Symbol.asyncDispose]();
  }

  async #measure(root: Descriptor, options?: CallOptions): Promise<{ size: number; created: string | undefined }> {
    const seen = new Map<Digest, number>();
    let created: string | undefined;
    const queue = [root];
    for (const node of queue) {
      if (seen.has(node.digest)) continue;
      seen.set(node.digest, node.size);
      // A platform that was not copied is named by its index, and takes no room here.
      if (!isIndex(node) && !isManifest(node)) continue;
      if (!(await this.store.exists(node))) seen.set(node.digest, 0);
      else queue.push(...(await children(this.store, node, options).catch(() => [])));
    }
    for (const node of queue) {
      if (created === undefined && isManifest(node) && seen.get(node.digest) !== 0) created = await this.#created(node);
    }
    return { size: [...seen.values()].reduce((sum, size) => sum + size, 0), created };
  }

  async #created(image: Descriptor): Promise<string | undefined> {
    try {
      const { config } = parseManifest(await this.store.manifest(image), image.mediaType);
      const bytes = await readAll(this.store.blob(config).open(), MAX_DOCUMENT_BYTES);
      const { created } = parseImageConfig(bytes);
      return typeof created === "string" ? created : undefined;
    } catch {
      // An artifact's config is something else; a listing does not fail for it.
      return undefined;
    }
  }
}

/**
 * Opens gantry's own store in a directory. Nothing is made before the first write; then the directory is private.
 *
 * @throws GantryError MANIFEST_INVALID, UNSUPPORTED when what is there is not the layout of a store; IO when it cannot be read
 */
export async function openLocal(root: string): Promise<LocalStore> {
  const images = await openLayout(join(root, "images"), {
    create: true,
    lazy: true,
    location: `local store ${root}`,
    mode: 0o700,
  });
  return new LocalStore(root, images);
}

const AN_HOUR_MS = 60 * 60 * 1000;
const A_WEEK_MS = 7 * 24 * AN_HOUR_MS;
