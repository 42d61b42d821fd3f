import { isAttestation } from "../content/index.js";
import type { ImageView } from "./image-view.js";
import { type IndexEntry, indexView, type View } from "./index-view.js";

/**
 * Applies an edit to an image, or to every image of an index. An index is written anew only where an image really
 * changed. Attestations of BuildKit speak of images by digest, so those of a changed image are left out: they would
 * vouch for content that is not there any more.
 */
export function mapImages(view: View, edit: (image: ImageView) => ImageView | Promise<ImageView>): View {
  if (view.kind === "image") {
    let edited: Promise<ImageView> | undefined;
    const get = (): Promise<ImageView> => (edited ??= Promise.resolve(edit(view)));
    return deferred(get);
  }
  return indexView(async (options) => {
    const state = await view.state(options);
    const changed = new Set<string>();
    const entries: IndexEntry[] = [];
    for (const entry of state.entries) {
      if (entry.view === undefined || isAttestation(entry.descriptor)) {
        entries.push(entry);
        continue;
      }
      const next = mapImages(entry.view, edit);
      const descriptor = await next.descriptor(options);
      if (descriptor.digest === entry.descriptor.digest) {
        entries.push(entry);
        continue;
      }
      changed.add(entry.descriptor.digest);
      // What the index said of its entry and the edit does not know about stays.
      const { data: _data, platform: _platform, ...said } = entry.descriptor;
      entries.push({ descriptor: { ...said, ...descriptor }, view: next });
    }
    if (changed.size === 0) return state;
    const kept = entries.filter(({ descriptor }) => {
      const subject = descriptor.annotations?.["vnd.docker.reference.digest"];
      return !(isAttestation(descriptor) && subject !== undefined && changed.has(subject));
    });
    const { bytes: _old, ...rest } = state;
    return { ...rest, entries: kept, index: { ...state.index, manifests: kept.map((entry) => entry.descriptor) } };
  });
}

function deferred(get: () => Promise<ImageView>): ImageView {
  return {
    kind: "image",
    descriptor: async (options) => (await get()).descriptor(options),
    manifest: async (options) => (await get()).manifest(options),
    config: async (options) => (await get()).config(options),
    layers: async (options) => (await get()).layers(options),
    platform: async (options) => (await get()).platform(options),
    family: async (options) => (await get()).family(options),
    state: async (options) => (await get()).state(options),
  };
}
