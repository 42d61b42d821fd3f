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
      return { ...state, manifest: changed(state.manifest, change) };
    });
  }
  return indexView(async (options) => {
    const { bytes: _old, ...state } = await view.state(options);
    return { ...state, index: changed(state.index, change) };
  });
}

function changed<T extends { readonly annotations?: StringMap }>(document: T, change: AnnotationChange): T {
  const annotations = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(document.annotations ?? {})) annotations[key] = value;
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) delete annotations[key];
    else annotations[key] = value;
  }
  if (Object.keys(annotations).length > 0) return { ...document, annotations };
  const { annotations: _none, ...rest } = document;
  return rest as T;
}
