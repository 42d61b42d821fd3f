import { type CallOptions, isAttestation } from "../content/index.js";
import { GantryError } from "../errors.js";
import {
  ANNOTATIONS,
  type Descriptor,
  type Digest,
  formatPlatform,
  matchesPlatform,
  type Platform,
} from "../spec/index.js";
import { type IndexEntry, indexView, type View } from "./index-view.js";

/** Options of {@link filterPlatforms}. */
export interface FilterOptions extends CallOptions {
  /** One platform that has attestations stays an index of the image and these. */
  readonly keepIndex?: boolean;
}

/**
 * Keeps the images of some platforms, each with its attestations: one platform gives its image, several an index of
 * them. An index that loses nothing is the same index, to the byte.
 *
 * @throws GantryError PLATFORM_NOT_FOUND when one of them is not there
 */
export async function filterPlatforms(
  view: View,
  platforms: readonly Platform[],
  { keepIndex = false, ...options }: FilterOptions = {},
): Promise<View> {
  const kept = await chosen(view, platforms, options);
  if (view.kind === "image") return view;
  const { entries: all } = await view.state(options);
  const entries = keptEntries(all, kept);
  const hasAttestations = entries.some(({ descriptor }) => isAttestation(descriptor));
  if (kept.length === 1 && !(keepIndex && hasAttestations)) return kept[0]!.view;
  return indexView(async (again) => {
    const state = await view.state(again);
    if (entries.length === state.entries.length) return state;
    const { bytes: _bytes, ...rest } = state;
    return { ...rest, entries, index: { ...state.index, manifests: entries.map(({ descriptor }) => descriptor) } };
  });
}

/**
 * What an index names that is neither an image of these platforms nor one's attestation: what a sparse copy leaves out.
 *
 * @throws GantryError PLATFORM_NOT_FOUND when one of them is not there
 */
export async function otherPlatforms(
  view: View,
  platforms: readonly Platform[],
  options: CallOptions = {},
): Promise<ReadonlySet<Digest>> {
  const kept = await chosen(view, platforms, options);
  if (view.kind === "image") return new Set();
  const { entries } = await view.state(options);
  const digests = new Set(entries.map(({ descriptor }) => descriptor.digest));
  for (const { descriptor } of keptEntries(entries, kept)) digests.delete(descriptor.digest);
  return digests;
}

interface Found {
  readonly view: View;
  readonly platform: Platform | undefined;
  readonly entry?: IndexEntry;
}

/** The image of each platform, each once. */
async function chosen(view: View, platforms: readonly Platform[], options: CallOptions): Promise<readonly Found[]> {
  const images = await imagesOf(view, options);
  const kept = platforms.map((wanted) => {
    const found = images.find(({ platform }) => platform !== undefined && matchesPlatform(wanted, platform));
    if (found !== undefined) return found;
    const there = images.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]));
    throw new GantryError("PLATFORM_NOT_FOUND", `no image for ${formatPlatform(wanted)}`, {
      hint: there.length === 0 ? "No image there names a platform." : `Platforms there: ${there.join(", ")}.`,
    });
  });
  return [...new Set(kept)];
}

/** The entries of these images, and those that say something about one of them, in the index's order. */
function keptEntries(entries: readonly IndexEntry[], kept: readonly Found[]): readonly IndexEntry[] {
  const digests = new Set<string | undefined>(kept.map(({ entry }) => entry?.descriptor.digest));
  return entries.filter(({ descriptor }) => digests.has(speaksOf(descriptor) ?? descriptor.digest));
}

/** The image that an attestation is about (BuildKit's attestation-storage.md). */
const speaksOf = (descriptor: Descriptor): string | undefined =>
  isAttestation(descriptor) ? descriptor.annotations?.[ANNOTATIONS.dockerReferenceDigest] : undefined;

async function imagesOf(view: View, options: CallOptions): Promise<readonly Found[]> {
  if (view.kind === "image") return [{ view, platform: await view.platform(options) }];
  const found: Found[] = [];
  for (const entry of await view.entries(options)) {
    if (entry.view === undefined || isAttestation(entry.descriptor)) continue;
    const platform =
      entry.descriptor.platform ?? (entry.view.kind === "image" ? await entry.view.platform(options) : undefined);
    found.push({ view: entry.view, platform, entry });
  }
  return found;
}
