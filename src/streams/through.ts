import { addAbortListener } from "node:events";
import type { Transform } from "node:stream";

/** Where a codec stopped reading: what it left of the chunks that it was given, then what nobody has read yet. */
export interface Rest {
  readonly chunks: readonly Uint8Array[];
  readonly source: AsyncIterator<Uint8Array>;
}

/** How {@link through} treats its codec. */
export interface ThroughOptions {
  readonly signal?: AbortSignal | undefined;
  /** Names a failure of the codec. A failure of the source passes as it is. */
  readonly onCodecError: (error: unknown) => unknown;
  /** How many bytes the codec has taken; with it, what is left when the codec ends by itself goes to `onRest`. */
  readonly consumed?: () => number;
  readonly onRest?: (rest: Rest) => Promise<void>;
}

interface State {
  fed: number;
  reading: boolean;
  closed: boolean;
  exhausted: boolean;
  /** Of the source, or the reason of an abort; the first one counts. */
  readonly failures: unknown[];
}

/**
 * Sends a stream through one of Node's transforms, reading ahead a little so that the codec's thread and the reader
 * work at the same time. Whoever stops first, reader, source or codec, frees all three; a reader that leaves while
 * the source is stuck does not wait for it (CVE-2021-20291).
 */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  codec: Transform,
  options: ThroughOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  options.signal?.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  const given: { readonly chunk: Uint8Array; readonly end: number }[] = [];
  const state: State = { fed: 0, reading: false, closed: false, exhausted: false, failures: [] };

  const feed = async (): Promise<void> => {
    while (!state.closed) {
      state.reading = true;
      const step = await iterator.next().finally(() => {
        state.reading = false;
      });
      if (step.done === true) {
        state.exhausted = true;
        codec.end();
        return;
      }
      const chunk = step.value;
      if (chunk.byteLength === 0) continue;
      state.fed += chunk.byteLength;
      if (options.consumed !== undefined) {
        const consumed = options.consumed();
        while (given.length > 0 && given[0]!.end <= consumed) given.shift();
        given.push({ chunk, end: state.fed });
      }
      if (!state.closed && !codec.write(chunk)) await drained(codec);
    }
  };
  const fail = (error: unknown): void => {
    state.failures.push(error);
    codec.destroy();
  };
  // Without a listener an error that comes after the reader left would end the process.
  codec.on("error", () => {});
  const feeding = feed().catch(fail);
  const abort =
    options.signal === undefined ? undefined : addAbortListener(options.signal, () => fail(options.signal?.reason));
  try {
    try {
      for await (const chunk of codec) yield chunk as Uint8Array;
    } catch (error) {
      throw state.failures.length === 0 ? options.onCodecError(error) : state.failures[0];
    }
    if (state.failures.length > 0) throw state.failures[0];
    if (!state.exhausted || given.length > 0) {
      state.closed = true;
      codec.destroy();
      await feeding;
      if (state.failures.length > 0) throw state.failures[0];
      const consumed = options.consumed?.() ?? state.fed;
      const chunks = given
        .filter(({ end }) => end > consumed)
        .map(({ chunk, end }) => chunk.subarray(Math.max(0, chunk.byteLength - (end - consumed))));
      await options.onRest?.({ chunks, source: iterator });
    }
  } finally {
    state.closed = true;
    codec.destroy();
    abort?.[Symbol.dispose]();
    const returned = iterator.return?.();
    if (!state.reading) await returned;
    else returned?.catch(() => {});
  }
}

/** Resolves when the codec takes more, or will never take anything again. */
function drained(codec: Transform): Promise<void> {
  if (codec.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      codec.off("drain", done);
      codec.off("close", done);
      resolve();
    };
    codec.on("drain", done);
    codec.on("close", done);
  });
}
