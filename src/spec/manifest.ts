import type { Descriptor, StringMap } from "./descriptor.js";
import { parseDocument } from "./document.js";

/** An image manifest or artifact (image-spec 1.1, manifest.md); Docker's v2 schema 2 has the same shape. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: StringMap;
}

/**
 * Reads a manifest. The bytes are the document and this is a view of it: null is dropped, unknown fields stay.
 *
 * @param mediaType what the descriptor or the registry called the bytes; it has to agree with the document's own
 *   (CVE-2021-41190).
 * @throws GantryError MANIFEST_INVALID
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  const document = parseDocument(bytes, mediaType);
  if (document.kind !== "manifest") throw document.wrongKind("an image");
  return document.value;
}
