/**
 * The values of the field, without I/O: digests, media types, descriptors, platforms, references, image names, and the
 * documents that are parsed strictly and kept byte for byte. Nothing here imports Node or another folder; a parse that
 * fails throws the one error class of errors.ts.
 */
export { ANNOTATIONS } from "./annotations.js";
export { bareDescriptor, type Descriptor, isDocument, isIndex, isManifest, type StringMap } from "./descriptor.js";
export {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  digestFrom,
  hexOf,
  isDigest,
  parseDigest,
  shortDigest,
} from "./digest.js";
export { type Document, parseDocument } from "./document.js";
export {
  type Healthcheck,
  type HistoryEntry,
  type ImageConfig,
  parseImageConfig,
  type RunConfig,
} from "./image-config.js";
export { type ImageIndex, parseIndex } from "./image-index.js";
export { formatImageName, type ImageName, parseImageName, type Transport, TRANSPORTS } from "./image-name.js";
export { encodeJson, type Json, MAX_DOCUMENT_BYTES, parseJson } from "./json.js";
export { type Manifest, parseManifest } from "./manifest.js";
export {
  bareMediaType,
  type Compression,
  compressionOf,
  type Family,
  familyOf,
  isForeignLayerType,
  isIndexType,
  isLayerType,
  isManifestType,
  layerTypeFor,
  MANIFEST_ACCEPT,
  MEDIA_TYPES,
} from "./media-types.js";
export { nearest } from "./nearest.js";
export {
  formatPlatform,
  matchesPlatform,
  normalisePlatform,
  parsePlatform,
  type Platform,
  platformChoices,
} from "./platform.js";
export {
  formatReference,
  isRepository,
  isTag,
  parseHost,
  parseReference,
  type Reference,
  type RepositoryName,
  withDefaultTag,
} from "./reference.js";
