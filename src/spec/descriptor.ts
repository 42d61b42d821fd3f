import type { Digest } from "./digest.js";
import { isIndexType, isManifestType } from "./media-types.js";
import type { Platform } from "./platform.js";

/** String to string, as annotations and labels are. Made without a prototype, so that a key `__proto__` is a key. */
export type StringMap = Readonly<Record<string, string>>;

/** Points at content: what it is, its address, its length in bytes (image-spec 1.1, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: StringMap;
  /** The content itself, base64, where small. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly platform?: Platform;
}

/** True when the descriptor points at an image manifest (or an artifact in that form). */
export const isManifest = (d: Descriptor): boolean => isManifestType(d.mediaType);

/** True when the descriptor points at an index or a manifest list. */
export const isIndex = (d: Descriptor): boolean => isIndexType(d.mediaType);

/** True when the descriptor points at a document that registries keep under `/manifests/`. */
export const isDocument = (d: Descriptor): boolean => isManifest(d) || isIndex(d);

/** Media type, digest and size alone: the identity of content, without what one parent says of it. */
export function bareDescriptor(d: Descriptor): Descriptor {
  return { mediaType: d.mediaType, digest: d.digest, size: d.size };
}
