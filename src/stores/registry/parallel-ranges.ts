/** What is asked for at once; each is kept in memory until its turn comes. */
const SEGMENT = 4 * 1024 * 1024;
const WIDTH = 4;
/** So many segments show whether several connections are faster than one. */
const TRIAL = 6;
const WORTH_IT = 1.4;

/** A part of a blob that was given to several connections. */
export interface Ranges {
  /** The first byte and the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Brings the bytes from `start` up to `end`, all of them. */
  readonly fetch: (start: number, end: number, signal: AbortSignal) => Promise<Uint8Array>;
  /** Bytes in a millisecond that one connection brought. */
  readonly alone: number;
}

/**
 * The bytes of a range in their order, over four connections: where each connection by itself is limited, as at many an
 * object store and proxy, that is up to four times as fast. Ends early when the first segments show that it is not:
 * then the link is shared, or the reader is the slow one, and one connection does as well.
 *
 * A segment is read to its end whether its turn has come or not, so that none holds up another; memory is bounded by
 * four segments. Whoever stops reading ends all of them.
 */
export async function* inParallel({ from, to, fetch, alone }: Ranges): AsyncGenerator<Uint8Array, void, undefined> {
  const halt = new AbortController();
  const ahead: Promise<Uint8Array>[] = [];
  const began = performance.now();
  let next = from;
  let read = 0;
  let proven = false;
  try {
    for (;;) {
      // During the trial nothing is asked for that would be thrown away.
      const limit = proven ? to : Math.min(to, from + TRIAL * SEGMENT);
      while (ahead.length < WIDTH && next < limit) {
        const end = Math.min(limit, next + SEGMENT);
        const segment = fetch(next, end, halt.signal);
        // Awaited in its turn; until then its failure must not count as unhandled.
        segment.catch(() => {});
        ahead.push(segment);
        next = end;
      }
      const segment = await ahead.shift();
      if (segment === undefined) return;
      yield segment;
      read += segment.byteLength;
      proven ||= read >= (TRIAL - WIDTH + 1) * SEGMENT && read / (performance.now() - began) > alone * WORTH_IT;
    }
  } finally {
    halt.abort(new Error("the reader has stopped"));
    await Promise.allSettled(ahead);
  }
}
