import type { StringMap } from "../spec/index.js";
import { type ImageView, imageView } from "./image-view.js";
import { type IndexView, indexView, type View } from "./index-view.js";

/** Annotations to set; undefined takes one away. */
export type AnnotationChange = Readonly<Record<string, string | undefined>>;

/** Sets annotations of an image's manifest or of an index itself; its children keep theirs. */
export function annotate(view: ImageView, change: AnnotationChange): ImageView;
export function annotate(view: IndexView, change: AnnotationChange): IndexView;
export function annotate(view: View, change: AnnotationChange): View {
  if (Object.keys(change).length === 0) return view;
  if (view.kind === "image") {
    return imageView(async (options) => {
      const { bytes: _old, ...state } = await view.state(options);
      return { ...state, manifest: { ...state.manifest, ...changed(state.manifest.annotations, change) } };
    });
  }
  return indexView(async (options) => {
    const { bytes: _old, ...state } = await view.state(options);
    return { ...state, index: { ...state.index, ...changed(state.index.annotations, change) } };
  });
}

function changed(old: StringMap | undefined, change: AnnotationChange): { annotations?: StringMap } {
  const annotations = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(old ?? {})) annotations[key] = value;
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) delete annotations[key];
    else annotations[key] = value;
  }
  return { annotations };
}
