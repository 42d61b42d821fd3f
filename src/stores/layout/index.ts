/**
 * OCI image layouts (image-spec 1.1, image-layout.md): a directory as a store. Blobs appear whole or not at all,
 * several processes may write at once, and a kill at any moment costs nothing that was acknowledged.
 */
export type { GarbageOptions, GarbageReport } from "./collect-garbage.js";
export { diskError } from "./disk-error.js";
export { type LayoutEntry, LayoutStore } from "./layout-store.js";
export { openLayout, type OpenLayoutOptions } from "./open-layout.js";
export { isAttachedName } from "./index-entries.js";
export { makeDirectory, TempFiles } from "./temp-files.js";
