import type { CallOptions, ContentReader } from "../../content/index.js";
import type { Digest, ImageIndex } from "../../spec/index.js";
import type { BlobFiles } from "./blob-files.js";
import { reach } from "./reach.js";

/** Options of a collection of garbage. */
export interface GarbageOptions extends CallOptions {
  /** Blobs put or asked for within this time stay: a writer may be about to name them. An hour where not given. */
  readonly graceMs?: number;
  /** Content that stays though no entry reaches it. */
  readonly keep?: ReadonlySet<Digest>;
}

/** What a collection of garbage did. */
export interface GarbageReport {
  readonly blobs: number;
  readonly bytes: number;
}

/** Removes the blobs that the index does not reach. The caller holds the lock of the index. */
export async function collectGarbage(
  store: ContentReader,
  blobs: BlobFiles,
  index: ImageIndex,
  trash: string,
  options: GarbageOptions,
): Promise<GarbageReport> {
  const { graceMs = DEFAULT_GRACE_MS, keep, signal } = options;
  const wanted = await reach(store, index.manifests, { signal });
  let removed = 0;
  let bytes = 0;
  for await (const digest of blobs.list()) {
    signal?.throwIfAborted();
    if (wanted.has(digest) || keep?.has(digest) === true) continue;
    const freed = await blobs.remove(digest, graceMs, trash);
    if (freed === undefined) continue;
    removed += 1;
    bytes += freed;
  }
  return { blobs: removed, bytes };
}

const DEFAULT_GRACE_MS = 60 * 60 * 1000;
