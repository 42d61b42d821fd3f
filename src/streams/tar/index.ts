/** The tar reader and writer: names and values byte for byte, hostile archives expected, the same entries always the same bytes. */
export type { TarEntry, TarEntryType, TarInput, TarTime } from "./entry.js";
export { readTar, type ReadTarOptions } from "./read.js";
export { writeTar, type WriteTarOptions } from "./write.js";
