import type { CallOptions, OverlayStore } from "../content/index.js";
import { type Descriptor, encodeJson } from "../spec/index.js";
import type { View } from "./index-view.js";

/**
 * Writes what is new of a view into an overlay and notes where the rest lies: after it the whole graph can be read, and
 * transferred, from the overlay. No layer is opened.
 */
export async function materialise(view: View, overlay: OverlayStore, options?: CallOptions): Promise<Descriptor> {
  const descriptor = await view.descriptor(options);
  const state = await view.state(options);
  for (const note of state.parts) note(overlay);
  if ("entries" in state) {
    for (const entry of state.entries) if (entry.view !== undefined) await materialise(entry.view, overlay, options);
    if (state.bytes === undefined) overlay.addDocument(encodeJson(state.index), state.mediaType);
  } else if (state.bytes === undefined) {
    overlay.addDocument(encodeJson(state.manifest), state.mediaType);
  }
  return descriptor;
}
