import * as z from "zod/mini";
import { GantryError } from "../errors.js";
import type { Descriptor } from "./descriptor.js";
import { isDigest } from "./digest.js";
import type { ImageIndex } from "./image-index.js";
import { parseJson } from "./json.js";
import type { Manifest } from "./manifest.js";
import { bareMediaType, isIndexType, isManifestType, MEDIA_TYPES } from "./media-types.js";

/** A document that registries keep under `/manifests/`, read strictly. */
export type Document =
  | {
      readonly kind: "manifest";
      readonly mediaType: string;
      readonly value: Manifest;
      wrongKind(wanted: string): GantryError;
    }
  | {
      readonly kind: "index";
      readonly mediaType: string;
      readonly value: ImageIndex;
      wrongKind(wanted: string): GantryError;
    };

const digest = z.string().check(z.refine((text) => isDigest(text), "is not a digest"));
const stringMap = z.record(z.string(), z.string());
const platform = z.looseObject({
  os: z.string(),
  architecture: z.string(),
  variant: z.optional(z.string()),
  "os.version": z.optional(z.string()),
  "os.features": z.optional(z.array(z.string())),
});
const descriptor = z.looseObject({
  mediaType: z.string().check(z.minLength(1)),
  digest,
  size: z.int().check(z.minimum(0)),
  urls: z.optional(z.array(z.string())),
  annotations: z.optional(stringMap),
  data: z.optional(z.string()),
  artifactType: z.optional(z.string()),
  platform: z.optional(platform),
});
const common = {
  schemaVersion: z.literal(2),
  mediaType: z.optional(z.string()),
  artifactType: z.optional(z.string()),
  subject: z.optional(descriptor),
  annotations: z.optional(stringMap),
};
const manifest = z.looseObject({ ...common, config: descriptor, layers: z.array(descriptor) });
const index = z.looseObject({ ...common, manifests: z.array(descriptor) });

/**
 * Reads a manifest or an index, whichever it is. One document has one reading: `layers` beside `manifests`, a
 * `mediaType` that contradicts the shape or the descriptor, and doubled keys are refused (CVE-2021-41190).
 *
 * @throws GantryError MANIFEST_INVALID
 */
export function parseDocument(bytes: Uint8Array, mediaType?: string): Document {
  const value = parseJson(bytes, "the manifest");
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("it is not an object");
  const has = (key: string) => Object.hasOwn(value, key);
  if (has("manifests") && (has("layers") || has("config"))) throw refuse("it is an image and an index at once");
  const own = "mediaType" in value && typeof value.mediaType === "string" ? value.mediaType : undefined;
  const claimed = mediaType === undefined ? undefined : bareMediaType(mediaType);
  if (own !== undefined && claimed !== undefined && own !== claimed)
    throw refuse(`it calls itself ${own} and was named ${claimed}`);
  const type = own ?? claimed ?? (has("manifests") ? MEDIA_TYPES.ociIndex : MEDIA_TYPES.ociManifest);
  if (isIndexType(type)) {
    const parsed = index.safeParse(value);
    if (!parsed.success) throw refuse(z.prettifyError(parsed.error).replaceAll("\n", " "));
    return { kind: "index", mediaType: type, value: value as unknown as ImageIndex, wrongKind: wrongKind("an index") };
  }
  if (!isManifestType(type)) throw refuse(`its media type ${JSON.stringify(type)} is not one that gantry reads`);
  const parsed = manifest.safeParse(value);
  if (!parsed.success) throw refuse(z.prettifyError(parsed.error).replaceAll("\n", " "));
  return {
    kind: "manifest",
    mediaType: type,
    value: value as unknown as Manifest,
    wrongKind: wrongKind("an image manifest"),
  };
}

/** The children and subject of a document need the same descriptor type everywhere. */
export type { Descriptor };

function wrongKind(is: string): (wanted: string) => GantryError {
  return (wanted) => refuse(`it is ${is}, where an ${wanted} is needed`);
}

function refuse(why: string): GantryError {
  return new GantryError("MANIFEST_INVALID", `invalid manifest: ${why}`);
}
