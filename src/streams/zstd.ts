import { availableParallelism } from "node:os";
import { GantryError } from "../errors.js";
import { nativeZstd, zstdAddon } from "./zstd-engine.js";

/** The level of {@link zstd}: zstd's own default. */
export const DEFAULT_ZSTD_LEVEL = 3;

/** Options of {@link zstd}. */
export interface ZstdOptions {
  /** 1 to 22. */
  readonly level?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One frame's content. Smaller frames cost size, larger ones memory. */
const FRAME = 4 * 1024 * 1024;

/**
 * Compresses to zstd (RFC 8878), one frame for each 4 MiB, on all cores. The bytes do not depend on how the source is
 * chunked, but they do on the version of zstd, which differs between versions of Node: unlike gzip's they are no
 * promise.
 *
 * @throws GantryError USAGE for a level that does not exist, UNSUPPORTED where there is no zstd encoder
 */
export async function* zstd(
  source: AsyncIterable<Uint8Array>,
  options: ZstdOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { level = DEFAULT_ZSTD_LEVEL, signal } = options;
  if (!Number.isInteger(level) || level < 1 || level > 22)
    throw new GantryError("USAGE", `there is no zstd level ${level}`, { hint: "Levels go from 1 to 22." });
  const encode = await frameEncoder(level);

  const limit = availableParallelism() + 1;
  const running: Promise<Uint8Array>[] = [];
  const start = (input: Uint8Array): void => {
    const output = encode(input);
    // It is awaited later, or never when the reader leaves.
    output.catch(() => {});
    running.push(output);
  };
  let frame: Uint8Array = Buffer.allocUnsafeSlow(FRAME);
  let filled = 0;
  let frames = 0;
  for await (const chunk of source) {
    signal?.throwIfAborted();
    let at = 0;
    while (at < chunk.byteLength) {
      const part = chunk.subarray(at, at + FRAME - filled);
      frame.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < FRAME) continue;
      start(frame);
      frames++;
      frame = Buffer.allocUnsafeSlow(FRAME);
      filled = 0;
      if (running.length >= limit) yield await running.shift()!;
      signal?.throwIfAborted();
    }
  }
  // Nothing at all is one empty frame, for no frame is no zstd.
  if (filled > 0 || frames === 0) start(frame.subarray(0, filled));
  for (const output of running) {
    yield await output;
    signal?.throwIfAborted();
  }
}

/** The best encoder of one whole frame that is here. */
async function frameEncoder(level: number): Promise<(input: Uint8Array) => Promise<Uint8Array>> {
  const native = nativeZstd();
  if (native !== undefined) {
    const params = { [native.levelParameter]: level };
    return (input) =>
      new Promise((resolve, reject) => {
        native.zstdCompress(input, { params, chunkSize: FRAME / 2 }, (error, output) =>
          error === null ? resolve(output) : reject(error),
        );
      });
  }
  const addon = await zstdAddon();
  if (addon === undefined)
    throw new GantryError("UNSUPPORTED", `Node ${process.versions.node} cannot compress with zstd`, {
      hint: "Use Node 22.15 or newer, or install the optional package @cloudpss/zstd.",
    });
  return async (input) => {
    const codec = new addon.Compressor(level);
    codec.end(input);
    const chunks: Uint8Array[] = [];
    for await (const chunk of codec) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks);
  };
}
