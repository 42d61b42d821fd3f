import { type Body, bytesBody, type OpenOptions, readAll } from "../streams/index.js";
import { SharedPass } from "./shared-pass.js";

/** Up to this size a blob is read into memory once, and everybody reads it from there. */
const SMALL = 1024 * 1024;

/** How long the first reader waits for the others before it goes on with those that are there. */
const GATHERING_MS = 5_000;

/**
 * One blob for several readers, read from its source once: those who open it from its start wait for each other for a
 * moment and then share one pass over the source, at the pace of the slowest. Whoever comes late, opens it a second time
 * or wants it from the middle, because its own destination failed, reads the source by itself: only that one pays.
 */
export class SharedBody {
  readonly #body: Body;
  readonly #signal: AbortSignal | undefined;
  readonly #undecided = new Set<symbol>();
  readonly #small: boolean;
  #waiting: ((stream: AsyncIterable<Uint8Array>) => void)[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #bytes: Promise<Uint8Array> | undefined;

  constructor(body: Body, signal: AbortSignal | undefined) {
    this.#body = body;
    this.#signal = signal;
    this.#small = body.size !== undefined && body.size <= SMALL;
  }

  /** A body for one more reader; all of them are made before the first is opened. */
  reader(): SharedReader {
    const key = Symbol();
    this.#undecided.add(key);
    const leave = (): void => {
      if (this.#undecided.delete(key)) this.#beginIfComplete();
    };
    const open = (options: OpenOptions = {}): AsyncIterable<Uint8Array> => this.#open(key, options);
    return { body: { size: this.#body.size, open }, leave };
  }

  async *#open(key: symbol, { start = 0, signal }: OpenOptions): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#small) {
      yield* bytesBody(await this.#read()).open({ start, signal });
      return;
    }
    if (start > 0 || !this.#undecided.has(key)) {
      if (this.#undecided.delete(key)) this.#beginIfComplete();
      yield* this.#body.open({ start, signal });
      return;
    }
    for await (const chunk of await this.#join(key, signal)) {
      signal?.throwIfAborted();
      yield chunk;
    }
  }

  async #join(key: symbol, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const join = (stream: AsyncIterable<Uint8Array>): void => {
        signal?.removeEventListener("abort", onAbort);
        resolve(stream);
      };
      const onAbort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== join);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#undecided.delete(key);
      this.#waiting.push(join);
      this.#timer ??= setTimeout(() => this.#begin(), GATHERING_MS);
      this.#beginIfComplete();
    });
  }

  #beginIfComplete(): void {
    if (this.#undecided.size === 0) this.#begin();
  }

  #begin(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    const pass = new SharedPass(this.#body, waiting.length, this.#signal);
    for (const [at, resolve] of waiting.entries()) resolve(pass.branch(at));
  }

  async #read(): Promise<Uint8Array> {
    const bytes = (this.#bytes ??= readAll(this.#body.open({ signal: this.#signal }), SMALL, "the blob"));
    try {
      return await bytes;
    } catch (error) {
      // Damaged on its way, perhaps: whoever tries again reads again.
      if (this.#bytes === bytes) this.#bytes = undefined;
      throw error;
    }
  }
}

/** A place among the readers of a {@link SharedBody}. */
export interface SharedReader {
  readonly body: Body;
  /** Says that this reader is done, whether it ever opened the body or not, so that nobody waits for it. */
  leave(): void;
}
