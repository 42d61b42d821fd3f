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
export { bottomUp, children } from "./walk.js";
