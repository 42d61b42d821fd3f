import { GantryError } from "../errors.js";
import type { Compression } from "../spec/index.js";
import { gunzip } from "./gunzip.js";
import { gzip } from "./gzip.js";
import { unzstd } from "./unzstd.js";
import { zstd } from "./zstd.js";

/** What {@link detectCompression} can tell apart; bzip2 and xz are known by name only, to be refused by name. */
export type DetectedCompression = Compression | "bzip2" | "xz";

/** How much of a stream's start {@link detectCompression} wants to see: a tar header. */
export const DETECTION_BYTES = 512;

const USTAR = [0x75, 0x73, 0x74, 0x61, 0x72];
const MAGIC: readonly (readonly [DetectedCompression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
];

/** What a stream is compressed with, by its first bytes; what nothing is known about counts as not compressed. */
export function detectCompression(head: Uint8Array): DetectedCompression {
  // A tar whose first file is called `BZh` is a tar.
  if (startsWith(head.subarray(257), USTAR)) return "none";
  for (const [compression, magic] of MAGIC) if (startsWith(head, magic)) return compression;
  // zstd:chunked may begin with a skippable frame, 0x184D2A50 to 0x184D2A5F (RFC 8878, 3.1.2).
  if (startsWith(head.subarray(1), [0x2a, 0x4d, 0x18]) && (head[0]! & 0xf0) === 0x50) return "zstd";
  return "none";
}

/** Options of {@link compress}. */
export interface CompressOptions {
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compresses a stream, or passes it through for "none".
 *
 * @throws GantryError UNSUPPORTED where this Node has no zstd
 */
export function compress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  options: CompressOptions = {},
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "gzip":
      return gzip(source, options);
    case "zstd":
      return zstd(source, options);
    case "none":
      return source;
  }
}

/** Options of {@link decompress}. */
export interface DecompressOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decompresses a stream, or passes it through for "none". "detect" looks at the bytes, because what a media type says
 * about a layer's compression is not always true.
 *
 * @throws GantryError LAYER_INVALID for a damaged stream, UNSUPPORTED for bzip2 and xz
 */
export function decompress(
  source: AsyncIterable<Uint8Array>,
  compression: DetectedCompression | "detect",
  options: DecompressOptions = {},
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "gzip":
      return gunzip(source, options);
    case "zstd":
      return unzstd(source, options);
    case "none":
      return source;
    case "detect":
      return detected(source, options);
    case "bzip2":
    case "xz":
      throw new GantryError("UNSUPPORTED", `gantry does not read ${compression}`, {
        hint: "Compress it with gzip or zstd.",
      });
  }
}

async function* detected(
  source: AsyncIterable<Uint8Array>,
  options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    let head = new Uint8Array(0);
    while (head.byteLength < DETECTION_BYTES) {
      const step = await iterator.next();
      if (step.done === true) break;
      head = head.byteLength === 0 ? new Uint8Array(step.value) : joined(head, step.value);
    }
    yield* decompress(putBack(head, iterator), detectCompression(head), options);
  } finally {
    await iterator.return?.();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}

function putBack(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  let first = head.byteLength > 0;
  return {
    [Symbol.asyncIterator]: () => ({
      next() {
        if (!first) return rest.next();
        first = false;
        return Promise.resolve({ done: false as const, value: head });
      },
      return: async () => (await rest.return?.()) ?? { done: true as const, value: undefined },
    }),
  };
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte);
}
