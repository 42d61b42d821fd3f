/**
 * The contract that every store keeps, and what can be done with any of them: walks over a graph of content, the
 * overlay that new content is written into, and the store in memory.
 */
export type {
  CallOptions,
  Constraints,
  ContentReader,
  Placement,
  PutManifestOptions,
  PutOptions,
  Referrers,
  Remover,
  ResolveOptions,
  Store,
  StreamedBlob,
  Tags,
  Writer,
} from "./store.js";
export { memoryStore, type MemoryStore, type MemoryStoreOptions } from "./memory-store.js";
export { type LowerReader, overlayStore, type OverlayStore, type OverlayStoreOptions } from "./overlay-store.js";
export { choosePlatform, isAttestation, listPlatforms, type PlatformEntry } from "./platforms.js";
export { referrerOf } from "./referrer.js";
export { tagHint } from "./tag-hint.js";
export { type Verified, verifyGraph, type VerifyOptions } from "./verify.js";
export { bottomUp, children, childrenOf } from "./walk.js";
