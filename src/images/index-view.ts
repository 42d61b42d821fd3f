import type { CallOptions, LowerReader, OverlayStore } from "../content/index.js";
import {
  type Descriptor,
  encodeJson,
  type Family,
  familyOf,
  type ImageIndex,
  isIndex,
  isManifest,
  parseIndex,
} from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import { imageAt, type ImageView, once } from "./image-view.js";

/** An index or a manifest list, as a value; what holds for {@link ImageView} holds here. */
export interface IndexView {
  readonly kind: "index";
  descriptor(options?: CallOptions): Promise<Descriptor>;
  index(options?: CallOptions): Promise<ImageIndex>;
  /** In document order. What is neither image nor index has no view. */
  entries(options?: CallOptions): Promise<readonly IndexEntry[]>;
  family(options?: CallOptions): Promise<Family>;
  /** What edits start from. */
  state(options?: CallOptions): Promise<IndexState>;
}

/** An image or an index. */
export type View = ImageView | IndexView;

/** Changes a view into another one. */
export type Edit = (view: View) => View | Promise<View>;

/** One line of an index. */
export interface IndexEntry {
  readonly descriptor: Descriptor;
  readonly view: View | undefined;
}

/** An index in the middle of being edited. */
export interface IndexState {
  readonly index: ImageIndex;
  readonly mediaType: string;
  readonly bytes?: Uint8Array;
  readonly entries: readonly IndexEntry[];
  readonly parts: readonly ((overlay: OverlayStore) => void)[];
}

/** The index at a descriptor. */
export function indexAt(store: LowerReader, descriptor: Descriptor): IndexView {
  return indexView(async (options) => {
    const bytes = await store.manifest(descriptor, options);
    const index = parseIndex(bytes, descriptor.mediaType);
    return {
      index,
      mediaType: index.mediaType ?? descriptor.mediaType,
      bytes,
      entries: index.manifests.map((entry) => ({
        descriptor: entry,
        view: isIndex(entry) ? indexAt(store, entry) : isManifest(entry) ? imageAt(store, entry) : undefined,
      })),
      parts: [(overlay) => overlay.under(store, descriptor, ...index.manifests)],
    };
  });
}

/** A view over a state that is computed when it is first asked for. */
export function indexView(load: (options?: CallOptions) => Promise<IndexState>): IndexView {
  const state = once(load);
  return {
    kind: "index",
    state,
    index: async (options) => (await state(options)).index,
    entries: async (options) => (await state(options)).entries,
    family: async (options) => familyOf((await state(options)).mediaType),
    descriptor: once(async (options?: CallOptions) => {
      const now = await state(options);
      const bytes = now.bytes ?? encodeJson(now.index);
      return { mediaType: now.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
    }),
  };
}
