import type { Descriptor, StringMap } from "./descriptor.js";
import { parseDocument } from "./document.js";

/** An image index (image-spec 1.1, image-index.md) or Docker manifest list. */
export interface ImageIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/**
 * Reads an index or a manifest list; the rules are those of {@link parseManifest}.
 *
 * @throws GantryError MANIFEST_INVALID
 */
export function parseIndex(bytes: Uint8Array, mediaType?: string, maxBytes?: number): ImageIndex {
  const document = parseDocument(bytes, mediaType, maxBytes);
  if (document.kind !== "index") throw document.wrongKind("an index");
  return document.value;
}
