import { GantryError } from "../errors.js";
import type { FramePiece } from "./zstd-frames.js";

/**
 * Decodes frames without native code, several times slower than with it: for Node 20 on machines that the add-on has no
 * binary for.
 *
 * @throws GantryError LAYER_INVALID for damaged frames, UNSUPPORTED when fzstd is not installed
 */
export async function* unzstdInJavaScript(
  frames: AsyncIterable<FramePiece>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Decompress } = await import("fzstd").catch((cause: unknown) => {
    throw new GantryError("UNSUPPORTED", `Node ${process.versions.node} cannot decompress zstd`, {
      hint: "Use Node 22.15 or newer, or install the optional packages @cloudpss/zstd and fzstd.",
      cause,
    });
  });
  const output: Uint8Array[] = [];
  const collect = (bytes: Uint8Array): void => {
    if (bytes.byteLength > 0) output.push(bytes);
  };
  let codec = new Decompress(collect);
  for await (const { bytes, last } of frames) {
    options.signal?.throwIfAborted();
    try {
      codec.push(bytes, last);
    } catch (cause) {
      throw damagedZstd(cause);
    }
    if (last) codec = new Decompress(collect);
    yield* output.splice(0);
  }
}

/** The error for what a decoder says. The walk over the frames has a name for its own findings. */
export function damagedZstd(cause: unknown): GantryError {
  return GantryError.is(cause) ? cause : new GantryError("LAYER_INVALID", "the zstd stream is damaged", { cause });
}
