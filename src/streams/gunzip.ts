import type { TransformOptions } from "node:stream";
import { createGunzip, type ZlibOptions } from "node:zlib";
import { GantryError } from "../errors.js";
import { type Rest, through } from "./through.js";

/** Output is made in pieces of this size; below 256 KiB the hops between threads cost more than inflating. */
const CHUNK = 512 * 1024;

const CODEC: ZlibOptions & TransformOptions = { chunkSize: CHUNK, highWaterMark: CHUNK };

/** Options of {@link gunzip}. */
export interface GunzipOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decompresses gzip, all members of it (RFC 1952, 2.2). Zeros after the last member are padding; anything else there
 * is refused, for two readers could disagree on what the layer holds.
 *
 * @throws GantryError LAYER_INVALID when the stream is damaged, cut off or followed by something else
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  options: GunzipOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const codec = createGunzip(CODEC);
  yield* through(source, codec, {
    signal: options.signal,
    onCodecError: (cause) =>
      new GantryError(
        "LAYER_INVALID",
        (cause as NodeJS.ErrnoException).code === "Z_BUF_ERROR"
          ? "the gzip stream is cut off"
          : "the gzip stream is damaged",
        { cause },
      ),
    consumed: () => codec.bytesWritten,
    onRest: onlyZeros,
  });
}

async function onlyZeros({ chunks, source }: Rest): Promise<void> {
  for (const chunk of chunks) checkZeros(chunk);
  for (let step = await source.next(); step.done !== true; step = await source.next()) checkZeros(step.value);
}

function checkZeros(chunk: Uint8Array): void {
  if (chunk.some((byte) => byte !== 0))
    throw new GantryError("LAYER_INVALID", "something other than padding follows the gzip stream");
}
