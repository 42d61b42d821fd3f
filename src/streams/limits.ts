import { GantryError } from "../errors.js";
import type { Body } from "./body.js";

/**
 * Passes a stream through as long as it keeps within a size.
 *
 * @throws GantryError TOO_LARGE before the first byte too many is passed on
 */
export async function* limited(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  what = "the content",
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new GantryError("TOO_LARGE", `${what} is larger than ${maxBytes} bytes`, { facts: { limit: maxBytes } });
    yield chunk;
  }
}

/** Leaves out the first `start` bytes, for sources that cannot seek. */
export async function* skipTo(
  source: AsyncIterable<Uint8Array>,
  start: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = start;
  for await (const chunk of source) {
    if (left === 0) yield chunk;
    else if (chunk.byteLength <= left) left -= chunk.byteLength;
    else {
      yield chunk.subarray(left);
      left = 0;
    }
  }
}

/** Passes at most the first `length` bytes through and then lets go of the source. */
export async function* takeFirst(
  source: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = length;
  if (left <= 0) return;
  for await (const chunk of source) {
    if (chunk.byteLength >= left) {
      yield chunk.subarray(0, left);
      return;
    }
    left -= chunk.byteLength;
    yield chunk;
  }
}

/** The bytes `start` to `end` (not included) of a body, itself a body. */
export function sliceBody(body: Body, start: number, end: number): Body {
  return {
    size: end - start,
    open({ start: from = 0, signal } = {}) {
      return takeFirst(body.open({ start: start + from, signal }), end - start - from);
    },
  };
}

/** Bodies one after the other. Where the size of one is unknown, opening behind it reads through it. */
export function concatBody(...bodies: readonly Body[]): Body {
  const size = bodies.reduce<number | undefined>(
    (sum, body) => (sum === undefined || body.size === undefined ? undefined : sum + body.size),
    0,
  );
  return {
    size,
    async *open({ start = 0, signal } = {}) {
      let skip = start;
      for (const body of bodies) {
        if (body.size === undefined && skip > 0 && body !== bodies.at(-1)) {
          let passed = 0;
          for await (const chunk of body.open({ signal })) {
            const from = Math.max(0, Math.min(chunk.byteLength, skip - passed));
            passed += chunk.byteLength;
            if (from < chunk.byteLength) yield from === 0 ? chunk : chunk.subarray(from);
          }
          skip = Math.max(0, skip - passed);
        } else if (body.size !== undefined && skip >= body.size) skip -= body.size;
        else {
          yield* body.open({ start: skip, signal });
          skip = 0;
        }
      }
    },
  };
}
