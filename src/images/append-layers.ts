import type { LowerReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import {
  compressionOf,
  type Descriptor,
  type Digest,
  type Family,
  familyOf,
  type HistoryEntry,
  layerTypeFor,
} from "../spec/index.js";
import type { Body } from "../streams/index.js";
import { withConfig } from "./edit-config.js";
import { type ImageView, imageView } from "./image-view.js";

/** A layer to put on top of an image. */
export interface NewLayer {
  readonly descriptor: Descriptor;
  /** The digest of the layer's tar. */
  readonly diffId: Digest;
  /** Its bytes, or the store that has them. */
  readonly content: { readonly body: Body } | { readonly store: LowerReader };
  readonly history?: HistoryEntry;
}

/**
 * Puts layers on top, in order, each with its diffID and one entry in the history. Their media types become those of
 * the image's family: a manifest that mixes families is one that some runtimes refuse.
 *
 * @throws GantryError UNSUPPORTED for a zstd layer on an image of Docker's family; CONFIG_INVALID when the image's
 *   history and layers do not agree already
 */
export function appendLayers(view: ImageView, layers: readonly NewLayer[]): ImageView {
  if (layers.length === 0) return view;
  return imageView(async (options) => {
    const state = await view.state(options);
    const config = await view.config(options);
    const typed = layers.map((layer) => retype(layer, familyOf(state.mediaType)));
    const history = padded(config.history, state.manifest.layers.length);
    const next = withConfig(state, {
      ...config,
      rootfs: {
        ...config.rootfs,
        type: "layers",
        diff_ids: [...(config.rootfs?.diff_ids ?? []), ...layers.map((layer) => layer.diffId)],
      },
      history: [...history, ...layers.map((layer) => layer.history ?? {})],
    });
    return {
      ...next,
      manifest: { ...next.manifest, layers: [...next.manifest.layers, ...typed.map((layer) => layer.descriptor)] },
      parts: [
        ...next.parts,
        (overlay) => {
          for (const { descriptor, content } of typed) {
            if ("body" in content) overlay.addBlob(descriptor, content.body);
            else overlay.under(content.store, descriptor);
          }
        },
      ],
    };
  });
}

function retype(layer: NewLayer, family: Family): NewLayer {
  if (familyOf(layer.descriptor.mediaType) === family) return layer;
  const compression = compressionOf(layer.descriptor.mediaType);
  if (family === "docker" && compression === "zstd") {
    throw new GantryError("UNSUPPORTED", "Docker's image format has no zstd layers", {
      hint: "Convert the image to OCI, or compress the layer with gzip.",
    });
  }
  return { ...layer, descriptor: { ...layer.descriptor, mediaType: layerTypeFor(family, compression) } };
}

/**
 * A base without any history (kaniko, old jib) stays legal: readers pair the entries that are no `empty_layer` with
 * the layers from the first on, so that without padding ours would describe the base's layers.
 */
function padded(history: readonly HistoryEntry[] | undefined, layers: number): readonly HistoryEntry[] {
  const known = history ?? [];
  const described = known.filter((entry) => entry.empty_layer !== true).length;
  if (described >= layers) return known;
  return [...known, ...Array.from({ length: layers - described }, () => ({}))];
}
