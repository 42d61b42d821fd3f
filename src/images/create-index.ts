import { type Descriptor, type Family, MEDIA_TYPES, type StringMap } from "../spec/index.js";
import { type IndexEntry, type IndexView, indexView, type View } from "./index-view.js";

/** Options of {@link createIndex}. */
export interface CreateIndexOptions {
  readonly annotations?: StringMap;
  /** An OCI index or a Docker manifest list; OCI without it. */
  readonly family?: Family;
}

/** Puts images (or indexes) together, in the order given, each with the platform that it says it runs on. */
export function createIndex(views: readonly View[], options: CreateIndexOptions = {}): IndexView {
  const mediaType = options.family === "docker" ? MEDIA_TYPES.dockerList : MEDIA_TYPES.ociIndex;
  return indexView(async (call) => {
    const entries: IndexEntry[] = [];
    for (const view of views) entries.push({ descriptor: await view.descriptor(call), view });
    const annotations = options.annotations ?? {};
    return {
      mediaType,
      index: {
        schemaVersion: 2,
        mediaType,
        manifests: entries.map((entry): Descriptor => entry.descriptor),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
      entries,
      parts: [],
    };
  });
}
