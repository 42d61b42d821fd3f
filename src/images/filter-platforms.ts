import { type CallOptions, isAttestation } from "../content/index.js";
import { GantryError } from "../errors.js";
import { ANNOTATIONS, formatPlatform, matchesPlatform, type Platform } from "../spec/index.js";
import { type IndexEntry, indexView, type View } from "./index-view.js";

/**
 * Keeps the images of some platforms, each with its attestations: one platform gives its image, several an index of
 * them. An index that loses nothing is the same index, to the byte.
 *
 * @throws GantryError PLATFORM_NOT_FOUND when one of them is not there
 */
export async function filterPlatforms(
  view: View,
  platforms: readonly Platform[],
  options?: CallOptions,
): Promise<View> {
  const images = await imagesOf(view, options);
  const kept = platforms.map((wanted) => {
    const found = images.find(({ platform }) => platform !== undefined && matchesPlatform(wanted, platform));
    if (found !== undefined) return found;
    const there = images.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]));
    throw new GantryError("PLATFORM_NOT_FOUND", `no image for ${formatPlatform(wanted)}`, {
      hint: there.length === 0 ? "No image there names a platform." : `Platforms there: ${there.join(", ")}.`,
    });
  });
  if (view.kind === "image") return view;
  if (kept.length === 1) return kept[0]!.view;
  const digests = new Set<string>(kept.map(({ entry }) => entry!.descriptor.digest));
  return indexView(async (again) => {
    const state = await view.state(again);
    const entries = state.entries.filter(({ descriptor }) => {
      const subject = isAttestation(descriptor)
        ? descriptor.annotations?.[ANNOTATIONS.dockerReferenceDigest]
        : undefined;
      return digests.has(subject ?? descriptor.digest);
    });
    if (entries.length === state.entries.length) return state;
    const { bytes: _bytes, ...rest } = state;
    return { ...rest, entries, index: { ...state.index, manifests: entries.map(({ descriptor }) => descriptor) } };
  });
}

interface Found {
  readonly view: View;
  readonly platform: Platform | undefined;
  readonly entry?: IndexEntry;
}

async function imagesOf(view: View, options?: CallOptions): Promise<Found[]> {
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
