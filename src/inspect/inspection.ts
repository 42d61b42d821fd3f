import { type CallOptions, type ContentReader, isAttestation } from "../content/index.js";
import {
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  isIndex,
  isManifest,
  MAX_DOCUMENT_BYTES,
  MEDIA_TYPES,
  parseDocument,
  parseImageConfig,
  type StringMap,
} from "../spec/index.js";
import { readAll } from "../streams/index.js";

/** One entry of an index. */
export interface InspectedEntry {
  readonly descriptor: Descriptor;
  readonly platform?: string;
  readonly kind: "image" | "index" | "attestation" | "artifact";
}

/** What an image or index is made of. Sizes are of the compressed content, each blob counted once. */
export type Inspection = {
  readonly name: string;
  readonly descriptor: Descriptor;
  readonly annotations: StringMap;
  readonly totalSize: number;
  readonly blobs: number;
} & (
  | { readonly kind: "index"; readonly manifests: readonly InspectedEntry[] }
  | {
      readonly kind: "image" | "artifact";
      readonly platform?: string;
      readonly artifactType?: string;
      readonly layers: readonly Descriptor[];
      /** Absent for artifacts, whose configuration is not an image's. */
      readonly config?: ImageConfig;
    }
);

/**
 * Reads what an image or index is made of; an index's manifests are read too, for their sizes.
 *
 * @throws GantryError MANIFEST_INVALID, CONFIG_INVALID, and what the store throws
 */
export async function inspectImage(
  store: ContentReader,
  descriptor: Descriptor,
  name: string,
  options?: CallOptions,
): Promise<Inspection> {
  const document = parseDocument(await store.manifest(descriptor, options), descriptor.mediaType);
  const { totalSize, blobs } = await measure(store, descriptor, options);
  const common = { name, descriptor, annotations: document.value.annotations ?? {}, totalSize, blobs };
  if (document.kind === "index") return { ...common, kind: "index", manifests: document.value.manifests.map(entryOf) };
  const { config, layers, artifactType } = document.value;
  if (!isImageConfig(config))
    return { ...common, kind: "artifact", layers, artifactType: artifactType ?? config.mediaType };
  const parsed = await readConfig(store, config, options);
  const platform = formatPlatform(parsed);
  return { ...common, kind: "image", platform, layers, config: parsed };
}

/**
 * An image's configuration, verified.
 *
 * @throws GantryError CONFIG_INVALID
 */
export async function readConfig(
  store: ContentReader,
  config: Descriptor,
  options?: CallOptions,
): Promise<ImageConfig> {
  return parseImageConfig(await readConfigBytes(store, config, options));
}

/** A configuration's exact bytes, verified and capped. */
export function readConfigBytes(store: ContentReader, config: Descriptor, options?: CallOptions): Promise<Uint8Array> {
  return readAll(store.blob(config).open({ signal: options?.signal }), MAX_DOCUMENT_BYTES, "the image configuration");
}

/** True when the descriptor is of an image's configuration. */
export const isImageConfig = (config: Descriptor): boolean =>
  config.mediaType === MEDIA_TYPES.ociConfig || config.mediaType === MEDIA_TYPES.dockerConfig;

function entryOf(descriptor: Descriptor): InspectedEntry {
  const kind = isIndex(descriptor)
    ? "index"
    : isAttestation(descriptor)
      ? "attestation"
      : isManifest(descriptor)
        ? "image"
        : "artifact";
  return {
    descriptor,
    kind,
    ...(descriptor.platform === undefined ? {} : { platform: formatPlatform(descriptor.platform) }),
  };
}

async function measure(
  store: ContentReader,
  root: Descriptor,
  options?: CallOptions,
): Promise<{ totalSize: number; blobs: number }> {
  const seen = new Map<string, number>();
  const visit = async (node: Descriptor): Promise<void> => {
    if (seen.has(node.digest)) return;
    seen.set(node.digest, isManifest(node) || isIndex(node) ? 0 : node.size);
    if (!isManifest(node) && !isIndex(node)) return;
    const document = parseDocument(await store.manifest(node, options), node.mediaType);
    const below =
      document.kind === "index" ? document.value.manifests : [document.value.config, ...document.value.layers];
    for (const child of below) await visit(child);
  };
  await visit(root);
  const sizes = [...seen.values()].filter((size) => size > 0);
  return { totalSize: sizes.reduce((sum, size) => sum + size, 0), blobs: sizes.length };
}
