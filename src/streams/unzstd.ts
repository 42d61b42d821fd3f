import type { Transform } from "node:stream";
import { through } from "./through.js";
import { nativeZstd, zstdAddon } from "./zstd-engine.js";
import { damagedZstd, unzstdInJavaScript } from "./unzstd-javascript.js";
import { type FramePiece, zstdFrames } from "./zstd-frames.js";

/** Output is made in pieces of this size; small ones cost more in hops between threads than in decoding. */
const CHUNK = 512 * 1024;
/** 128 MiB, zstd's own limit. */
const WINDOW_LOG_MAX = 27;

/** Options of {@link unzstd}. */
export interface UnzstdOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decompresses zstd, all frames of it; skippable frames are left out. Uses node:zlib where it has zstd, else the
 * optional add-on, else a decoder in JavaScript that is several times slower.
 *
 * @throws GantryError LAYER_INVALID when the stream is damaged or cut off, UNSUPPORTED when no decoder is installed
 */
export async function* unzstd(
  source: AsyncIterable<Uint8Array>,
  options: UnzstdOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const frames = zstdFrames(source);
  const codec = await decoder();
  if (codec === undefined) yield* unzstdInJavaScript(frames, options);
  else {
    yield* through(bytesOf(frames), codec, { signal: options.signal, onCodecError: damagedZstd });
  }
}

/** A frame to a write, as node:zlib of 22 and 24 needs it. */
async function* bytesOf(frames: AsyncIterable<FramePiece>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of frames) yield bytes;
}

async function decoder(): Promise<Transform | undefined> {
  const native = nativeZstd();
  if (native !== undefined)
    return native.createZstdDecompress({
      chunkSize: CHUNK,
      highWaterMark: CHUNK,
      params: { [native.windowLogMaxParameter]: WINDOW_LOG_MAX },
    });
  const addon = await zstdAddon();
  return addon === undefined ? undefined : new addon.Decompressor();
}
