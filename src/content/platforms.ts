import { GantryError } from "../errors.js";
import {
  ANNOTATIONS,
  type Descriptor,
  formatPlatform,
  isIndex,
  isManifest,
  matchesPlatform,
  MAX_DOCUMENT_BYTES,
  MEDIA_TYPES,
  parseImageConfig,
  parseIndex,
  parseManifest,
  type Platform,
  platformChoices,
} from "../spec/index.js";
import { readAll } from "../streams/index.js";
import type { CallOptions, ContentReader } from "./store.js";

/** An image of an index, and what it runs on; an artifact runs on nothing. */
export interface PlatformEntry {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
}

/**
 * The images under `root`, in document order, each digest once: of an index its own and those of nested ones, of a
 * manifest itself. Attestations are left out. Where an entry does not say its platform, the image's config does.
 *
 * @throws GantryError INDEX_TOO_DEEP, and what reading throws
 */
export async function listPlatforms(
  store: ContentReader,
  root: Descriptor,
  options?: CallOptions,
): Promise<readonly PlatformEntry[]> {
  const found: PlatformEntry[] = [];
  const seen = new Set<string>();
  const visit = async (node: Descriptor, depth: number): Promise<void> => {
    if (seen.has(node.digest) || isAttestation(node)) return;
    seen.add(node.digest);
    if (isManifest(node)) {
      found.push({ descriptor: node, platform: said(node) ?? (await platformInConfig(store, node, options)) });
    } else if (isIndex(node)) {
      if (depth >= MAX_DEPTH)
        throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, { where: node.digest });
      const index = parseIndex(await store.manifest(node, options), node.mediaType);
      for (const entry of index.manifests) await visit(entry, depth + 1);
    }
  };
  await visit(root, 0);
  return found;
}

/**
 * The image for a platform: the one that names exactly it, or else an older variant of the same architecture that
 * such a machine runs (`linux/arm/v6` for `linux/arm/v7`). A manifest that has no platform at all, an artifact, is its
 * own only choice.
 *
 * @throws GantryError PLATFORM_NOT_FOUND with what is there
 */
export async function choosePlatform(
  store: ContentReader,
  root: Descriptor,
  platform: Platform,
  options?: CallOptions,
): Promise<Descriptor> {
  const entries = await listPlatforms(store, root, options);
  for (const choice of platformChoices(platform)) {
    const found = entries.find((entry) => entry.platform !== undefined && matchesPlatform(choice, entry.platform));
    if (found !== undefined) return found.descriptor;
  }
  if (isManifest(root) && entries[0]?.platform === undefined) return root;
  const there = entries.flatMap((entry) => (entry.platform === undefined ? [] : [formatPlatform(entry.platform)]));
  throw new GantryError("PLATFORM_NOT_FOUND", `no image for ${formatPlatform(platform)}`, {
    where: root.digest,
    hint: there.length === 0 ? "No image there names a platform." : `Platforms there: ${there.join(", ")}.`,
  });
}

/**
 * True for an entry of an index that is not an image but says something about one: BuildKit marks these with an
 * annotation and, for readers that do not know it, with the platform `unknown/unknown`.
 */
export function isAttestation(descriptor: Descriptor): boolean {
  return (
    descriptor.annotations?.[ANNOTATIONS.dockerReferenceType] === "attestation-manifest" ||
    (descriptor.platform?.os === "unknown" && descriptor.platform.architecture === "unknown")
  );
}

/** Some writers leave an empty platform behind, which says nothing. */
const said = ({ platform }: Descriptor): Platform | undefined =>
  platform?.os && platform.architecture ? platform : undefined;

async function platformInConfig(
  store: ContentReader,
  node: Descriptor,
  options: CallOptions | undefined,
): Promise<Platform | undefined> {
  const { config } = parseManifest(await store.manifest(node, options), node.mediaType);
  if (config.mediaType !== MEDIA_TYPES.ociConfig && config.mediaType !== MEDIA_TYPES.dockerConfig) return undefined;
  const stream = store.blob(config).open({ signal: options?.signal });
  const value = parseImageConfig(await readAll(stream, MAX_DOCUMENT_BYTES, "the image configuration"));
  // Images made before the fields were required have them empty.
  if (!value.os || !value.architecture) return undefined;
  return {
    os: value.os,
    architecture: value.architecture,
    ...(value.variant ? { variant: value.variant } : {}),
    ...(value["os.version"] ? { "os.version": value["os.version"] } : {}),
    ...(value["os.features"]?.length ? { "os.features": value["os.features"] } : {}),
  };
}

/** As deep as {@link bottomUp} goes. */
const MAX_DEPTH = 16;
