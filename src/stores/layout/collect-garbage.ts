import type { CallOptions, ContentReader } from "../../content/index.js";
import type { Descriptor, Digest, ImageIndex } from "../../spec/index.js";
import type { BlobFiles } from "./blob-files.js";
import { isUnnamed } from "./index-entries.js";
import type { LayoutReferrers } from "./layout-referrers.js";
import { reach } from "./reach.js";

/** Options of a collection of garbage. */
export interface GarbageOptions extends CallOptions {
  /** Blobs put or asked for within this time stay: a writer may be about to name them. An hour where not given. */
  readonly graceMs?: number;
  /**
   * Whether a referrer without a name goes with the subject that it spoke of. A layout may hold nothing but the
   * signatures of an image that is elsewhere, so they stay where nothing is said.
   */
  readonly orphanReferrers?: "keep" | "remove";
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

/**
 * The index without the nameless referrers of subjects that nothing else reaches. One that came within the grace time
 * stays: a copy puts referrers before it names their subject.
 */
export async function withoutOrphans(
  store: ContentReader,
  blobs: BlobFiles,
  referrers: LayoutReferrers,
  index: ImageIndex,
  options: GarbageOptions,
): Promise<ImageIndex> {
  const { graceMs = DEFAULT_GRACE_MS, signal } = options;
  const kept = new Set<Descriptor>();
  const weak = new Map<Descriptor, Digest>();
  for (const entry of index.manifests) {
    const referring = isUnnamed(entry) ? await referrers.referring(entry, { signal }) : undefined;
    const young = referring !== undefined && ((await blobs.age(entry.digest)) ?? 0) < graceMs;
    if (referring === undefined || young) kept.add(entry);
    else weak.set(entry, referring.subject);
  }
  // A referrer may have referrers: what one round keeps may be the subject of the next.
  const wanted = await reach(store, kept, { signal });
  for (let found = true; found; ) {
    found = false;
    for (const [entry, subject] of weak) {
      if (!wanted.has(subject)) continue;
      weak.delete(entry);
      for (const digest of await reach(store, [entry], { signal })) wanted.add(digest);
      found = true;
    }
  }
  return weak.size === 0 ? index : { ...index, manifests: index.manifests.filter((entry) => !weak.has(entry)) };
}

const DEFAULT_GRACE_MS = 60 * 60 * 1000;
