import { type Descriptor, type Digest, parseDocument } from "../spec/index.js";

/**
 * What a list of referrers says of a document, or undefined when the document does not refer to `subject`: its own
 * descriptor with its annotations, and as artifactType its own or else its config's media type (distribution-spec 1.1,
 * "Listing Referrers"; an index has no config).
 *
 * @throws GantryError MANIFEST_INVALID
 */
export function referrerOf(bytes: Uint8Array, descriptor: Descriptor, subject: Digest): Descriptor | undefined {
  const document = parseDocument(bytes, descriptor.mediaType);
  const { value } = document;
  if (value.subject?.digest !== subject) return undefined;
  const artifactType =
    value.artifactType || (document.kind === "manifest" ? document.value.config.mediaType : undefined);
  return {
    mediaType: document.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(value.annotations === undefined ? {} : { annotations: value.annotations }),
  };
}
