/**
 * Bytes on the move: bodies that can be opened again, taps that hash and limit, the gzip and zstd codecs, and the tar
 * reader and writer. Nothing here holds more than a few chunks in memory. A chunk that was handed over belongs to its
 * reader as long as it only reads it: nobody writes to a chunk.
 */
export { type Body, bytesBody, fileBody, type OpenOptions, readAll, wholeFileBody } from "./body.js";
export {
  compress,
  type CompressOptions,
  decompress,
  type DecompressOptions,
  detectCompression,
  type DetectedCompression,
  DETECTION_BYTES,
} from "./compression.js";
export { gunzip, type GunzipOptions } from "./gunzip.js";
export { DEFAULT_GZIP_LEVEL, gzip, type GzipOptions } from "./gzip.js";
export { checkHash, digestOf, type Expected, Hasher, verified, verifyBytes } from "./hash.js";
export { concatBody, limited, skipTo, sliceBody, takeFirst } from "./limits.js";
export { makeFolders } from "./make-folders.js";
export { counted } from "./progress.js";
export { replaceFile, type ReplaceOptions } from "./replace-file.js";
export {
  readTar,
  type ReadTarOptions,
  type TarEntry,
  type TarEntryType,
  type TarInput,
  type TarTime,
  writeTar,
  type WriteTarOptions,
} from "./tar/index.js";
export { tee } from "./tee.js";
export { unzstd, type UnzstdOptions } from "./unzstd.js";
export { DEFAULT_ZSTD_LEVEL, zstd, type ZstdOptions } from "./zstd.js";
