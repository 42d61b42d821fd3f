/** gantry's own store: named images in an OCI layout, and the cache of builds, which shares its blobs. */
export {
  type CachedBlobs,
  type LocalCache,
  type LocalImage,
  LocalStore,
  openLocal,
  type PruneOptions,
  type PruneReport,
} from "./local-store.js";
