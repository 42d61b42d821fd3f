import { availableParallelism } from "node:os";
import { constants, crc32, deflateRaw } from "node:zlib";
import { GantryError } from "../errors.js";

/** The level of {@link gzip}: within 1 % of the size of level 6, half again as fast. */
export const DEFAULT_GZIP_LEVEL = 5;

/** Options of {@link gzip}. */
export interface GzipOptions {
  /** 0 (stored) to 9. */
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Large enough that a thread is worth its start, small enough that a dozen of them fit in memory. */
const BLOCK = 1024 * 1024;
/** How far deflate looks back (RFC 1951). */
const WINDOW = 32 * 1024;
/** Deflate grows what it cannot shrink by 5 bytes a stored block; with room to spare each block has one output. */
const OUTPUT = BLOCK + 64 * 1024;

/** RFC 1952, 2.3: deflate, no flags, no time, no extra flags, unknown system. No time and no system: same digest everywhere. */
const HEADER = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/**
 * Compresses to one gzip member on all cores: blocks of 1 MiB, each primed with the 32 KiB before it and closed by a
 * sync flush, as pigz does it. The bytes depend on the content, the level and zlib alone, not on how the source is
 * chunked, the number of cores or the time; a test pins them on each Node. How many blocks really run at the same time
 * is up to libuv's pool: `UV_THREADPOOL_SIZE`, 4 unless set before the process starts.
 *
 * @throws GantryError USAGE for a level that does not exist
 */
export async function* gzip(
  source: AsyncIterable<Uint8Array>,
  options: GzipOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { level = DEFAULT_GZIP_LEVEL, signal } = options;
  if (!Number.isInteger(level) || level < 0 || level > 9)
    throw new GantryError("USAGE", `there is no gzip level ${level}`, { hint: "Levels go from 0 to 9." });

  const limit = availableParallelism() + 1;
  const running: Promise<Uint8Array>[] = [];
  let dictionary: Uint8Array | undefined;
  let crc = 0;
  let size = 0;
  const start = (input: Uint8Array, last: boolean): void => {
    crc = crc32(input, crc);
    size += input.byteLength;
    const output = deflateBlock(input, dictionary, level, last);
    // It is awaited later, or never when the reader leaves.
    output.catch(() => {});
    running.push(output);
    dictionary = input.subarray(-WINDOW);
  };

  yield Uint8Array.from(HEADER);
  let block: Uint8Array = Buffer.allocUnsafeSlow(BLOCK);
  let filled = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    let at = 0;
    while (at < chunk.byteLength) {
      // A full block waits for the next byte: only then it is known not to be the last one.
      if (filled === BLOCK) {
        start(block, false);
        block = Buffer.allocUnsafeSlow(BLOCK);
        filled = 0;
        if (running.length >= limit) yield await running.shift()!;
        signal?.throwIfAborted();
      }
      const part = chunk.subarray(at, at + BLOCK - filled);
      block.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
    }
  }
  start(block.subarray(0, filled), true);
  for (const output of running) {
    yield await output;
    signal?.throwIfAborted();
  }
  const trailer = new DataView(new ArrayBuffer(8));
  trailer.setUint32(0, crc, true);
  trailer.setUint32(4, size % 2 ** 32, true);
  yield new Uint8Array(trailer.buffer);
}

function deflateBlock(
  input: Uint8Array,
  dictionary: Uint8Array | undefined,
  level: number,
  last: boolean,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    deflateRaw(
      input,
      {
        level,
        memLevel: 9,
        chunkSize: OUTPUT,
        finishFlush: last ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
        ...(dictionary === undefined || dictionary.byteLength === 0 ? {} : { dictionary }),
      },
      (error, output) => (error === null ? resolve(output) : reject(error)),
    );
  });
}
