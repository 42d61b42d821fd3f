import { GantryError } from "../errors.js";
import type { Descriptor } from "./descriptor.js";
import type { ImageIndex } from "./image-index.js";
import { parseJson } from "./json.js";
import type { Manifest } from "./manifest.js";
import { bareMediaType, isIndexType, isManifestType, MEDIA_TYPES } from "./media-types.js";
import type { Platform } from "./platform.js";
import * as shape from "./shape.js";

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

// Docker's manifest lists may leave parts of a platform out; an empty name is how Go reads that.
const platform = shape.object<Platform>({
  os: shape.defaulted(shape.text, () => ""),
  architecture: shape.defaulted(shape.text, () => ""),
  variant: shape.optional(shape.text),
  "os.version": shape.optional(shape.text),
  "os.features": shape.optional(shape.list(shape.text)),
});

const mediaTypeText: shape.Read<string> = (value, place) => {
  const mediaType = shape.text(value, place);
  if (mediaType === "") throw place.refuse(`${place.path} is empty`);
  return mediaType;
};

const descriptor = shape.object<Descriptor>({
  mediaType: shape.required(mediaTypeText),
  digest: shape.required(shape.digest),
  size: shape.required(shape.size),
  urls: shape.optional(shape.list(shape.text)),
  annotations: shape.optional(shape.stringMap),
  data: shape.optional(shape.text),
  artifactType: shape.optional(shape.text),
  platform: shape.optional(platform),
});

const version: shape.Read<2> = (value, place) => {
  if (value !== 2) throw place.refuse(`${place.path} is not 2`);
  return 2;
};

const common = {
  schemaVersion: shape.required(version),
  mediaType: shape.optional(shape.text),
  artifactType: shape.optional(shape.text),
  subject: shape.optional(descriptor),
  annotations: shape.optional(shape.stringMap),
};

// A Go tool with no layers or manifests writes null for the nil slice; that is the empty list, and nothing else is.
const none = (): readonly Descriptor[] => [];
const manifest = shape.object<Manifest>(
  {
    ...common,
    config: shape.required(descriptor),
    layers: { read: shape.list(descriptor), otherwise: none },
  },
  ["manifests"],
);
const index = shape.object<ImageIndex>({ ...common, manifests: { read: shape.list(descriptor), otherwise: none } }, [
  "config",
  "layers",
]);

/** What a server says that says nothing: static hosting, and proxies that dropped the header. */
const NO_CLAIM: ReadonlySet<string> = new Set(["", "application/json", "application/octet-stream", "text/plain"]);

/**
 * Reads a manifest or an index, whichever it is. One document has one reading: `layers` beside `manifests`, a
 * `mediaType` that contradicts the shape or the descriptor, doubled keys, and keys that differ from a known one in case
 * only are refused (CVE-2021-41190; Go's decoder ignores case). What the document does not say, `mediaType` says; when
 * neither does, the shape decides.
 *
 * Null for an optional field is the field's absence. Unknown fields stay. That a descriptor's `data` is what its digest
 * says is not checked here, where nothing can hash: nobody may use it unverified.
 *
 * @param mediaType what the descriptor or the registry called the bytes
 * @param maxBytes another limit than that of documents that travel
 * @throws GantryError MANIFEST_INVALID with the path of what is wrong; UNSUPPORTED for Docker's schema 1; TOO_LARGE
 */
export function parseDocument(bytes: Uint8Array, mediaType?: string, maxBytes?: number): Document {
  const value = parseJson(bytes, "the manifest", "MANIFEST_INVALID", maxBytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refuse("it is not an object");
  const has = (key: string) => Object.hasOwn(value, key);
  const own = "mediaType" in value && typeof value.mediaType === "string" ? value.mediaType : undefined;
  const said = bareMediaType(mediaType ?? "");
  const claimed = NO_CLAIM.has(said) ? undefined : said;
  if (isSchema1(own) || isSchema1(claimed) || has("fsLayers")) throw schema1();
  if (has("manifests") && (has("layers") || has("config"))) throw refuse("it is an image and an index at once");
  if (own !== undefined && claimed !== undefined && own !== claimed)
    throw refuse(`it calls itself ${JSON.stringify(own)} and was named ${JSON.stringify(claimed)}`);
  const type = own ?? claimed ?? typeByShape(has);
  const place = new shape.Place(refuse);
  if (isIndexType(type)) {
    if (has("layers") || has("config")) throw refuse(`it calls itself an index (${type}) and is an image`);
    if (!has("manifests")) throw refuse("manifests is missing");
    return { kind: "index", mediaType: type, value: index(value, place), wrongKind: wrongKind("an index") };
  }
  if (!isManifestType(type)) {
    throw refuse(
      `its media type ${JSON.stringify(type.slice(0, 160))} is not one that gantry reads`,
      `It reads ${MEDIA_TYPES.ociManifest}, ${MEDIA_TYPES.ociIndex}, and Docker's ${MEDIA_TYPES.dockerManifest} and ${MEDIA_TYPES.dockerList}.`,
    );
  }
  if (has("manifests")) throw refuse(`it calls itself an image (${type}) and is an index`);
  if (!has("layers")) throw refuse("layers is missing");
  return { kind: "manifest", mediaType: type, value: manifest(value, place), wrongKind: wrongKind("an image") };
}

function typeByShape(has: (key: string) => boolean): string {
  if (has("manifests")) return MEDIA_TYPES.ociIndex;
  if (has("config") || has("layers")) return MEDIA_TYPES.ociManifest;
  throw refuse("it has no mediaType, and neither manifests nor layers");
}

const isSchema1 = (type: string | undefined): boolean =>
  type === MEDIA_TYPES.dockerSchema1 || type === MEDIA_TYPES.dockerSchema1Signed;

function schema1(): GantryError {
  return new GantryError("UNSUPPORTED", "this image has Docker's manifest schema 1, which is no longer read", {
    hint: "Pull and push it once with Docker 1.10 or newer, or build it anew.",
  });
}

function wrongKind(is: string): (wanted: string) => GantryError {
  return (wanted) => refuse(`it is ${is}, where ${wanted} is needed`);
}

function refuse(why: string, hint?: string): GantryError {
  return new GantryError("MANIFEST_INVALID", `invalid manifest: ${why}`, { hint });
}
