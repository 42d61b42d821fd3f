import type { LowerReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, isIndex, isManifest } from "../spec/index.js";
import { imageAt } from "./image-view.js";
import { indexAt, type View } from "./index-view.js";

/**
 * Looks at a document of a store. Reads nothing yet.
 *
 * @throws GantryError UNSUPPORTED for a media type that is no image and no index
 */
export function openView(store: LowerReader, descriptor: Descriptor): View {
  if (isIndex(descriptor)) return indexAt(store, descriptor);
  if (isManifest(descriptor)) return imageAt(store, descriptor);
  throw new GantryError("UNSUPPORTED", `${descriptor.mediaType} is no image and no index`, {
    where: descriptor.digest,
  });
}
