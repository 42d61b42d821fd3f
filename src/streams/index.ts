/**
 * Bytes on the move: bodies that can be opened again, taps that hash and limit, the gzip and zstd codecs, and the tar
 * reader and writer. Nothing here holds more than a few chunks in memory.
 */
export { type Body, bytesBody, fileBody, type OpenOptions, readAll, wholeFileBody } from "./body.js";
export { checkHash, digestOf, type Expected, Hasher, verified, verifyBytes } from "./hash.js";
