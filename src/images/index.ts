/**
 * Images and indexes as immutable values: open one over any store, change it with functions that answer another one,
 * and write what is new of it into an overlay. Layers are never read here.
 */
export { annotate, type AnnotationChange } from "./annotate.js";
export { appendLayers, type NewLayer } from "./append-layers.js";
export { convertFamily } from "./convert-family.js";
export { createIndex, type CreateIndexOptions } from "./create-index.js";
export { editConfig } from "./edit-config.js";
export { filterPlatforms, type FilterOptions, otherPlatforms } from "./filter-platforms.js";
export { type ImageState, type ImageView, platformOf } from "./image-view.js";
export type { Edit, IndexEntry, IndexState, IndexView, View } from "./index-view.js";
export { mapImages } from "./map-images.js";
export { materialise } from "./materialise.js";
export { openView } from "./open-view.js";
export { scratch } from "./scratch.js";
export { withPlatform } from "./with-platform.js";
