import type { Body } from "../body.js";

const NOTHING = new Uint8Array(0);
/** Skipping less than this is cheaper done by reading on than by opening again. */
const SEEK_FROM = 2 * 1024 * 1024;

/**
 * Takes exact lengths from a stream of chunks of any size. The `try` forms answer at once or not at all, which spares
 * a turn of the event loop for each of the many small things in an archive.
 */
export class ByteReader {
  readonly #body: Body | undefined;
  #iterator: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  #base = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array> | Body, signal: AbortSignal | undefined) {
    this.#body = "open" in source ? source : undefined;
    this.#iterator = ("open" in source ? source.open({ signal }) : source)[Symbol.asyncIterator]();
  }

  /** How many bytes were taken or skipped. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** `length` bytes if they lie in the present chunk. They share its memory. */
  tryTake(length: number): Uint8Array | undefined {
    const end = this.#at + length;
    if (end > this.#chunk.byteLength) return undefined;
    const bytes = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** `length` bytes, or fewer at the end of the stream. */
  async take(length: number): Promise<Uint8Array> {
    if (this.#at === this.#chunk.byteLength) await this.#read();
    const whole = this.tryTake(length);
    if (whole !== undefined) return whole;
    const parts = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const part = this.tryNext(length - filled) ?? (await this.next(length - filled));
      if (part === undefined) return parts.subarray(0, filled);
      parts.set(part, filled);
      filled += part.byteLength;
    }
    return parts;
  }

  /** What is left of the present chunk, at most `max` bytes. */
  tryNext(max: number): Uint8Array | undefined {
    const end = Math.min(this.#at + max, this.#chunk.byteLength);
    if (end === this.#at) return undefined;
    const bytes = this.#chunk.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** The next piece of at most `max` bytes, undefined at the end. */
  async next(max: number): Promise<Uint8Array | undefined> {
    if (this.#at === this.#chunk.byteLength && !(await this.#read())) return undefined;
    return this.tryNext(max);
  }

  /** Leaves `length` bytes out if they lie in the present chunk. */
  trySkip(length: number): boolean {
    if (this.#at + length > this.#chunk.byteLength) return false;
    this.#at += length;
    return true;
  }

  /** Leaves `length` bytes out and answers how many of them there were. A body is opened again behind a long stretch. */
  async skip(length: number): Promise<number> {
    const size = this.#body?.size;
    const target = this.offset + length;
    if (size !== undefined && length >= SEEK_FROM && target <= size) {
      await this.#iterator.return?.();
      this.#iterator = this.#body!.open({ start: target })[Symbol.asyncIterator]();
      this.#chunk = NOTHING;
      this.#at = 0;
      this.#base = target;
      return length;
    }
    let left = length;
    while (left > 0) {
      const piece = this.tryNext(left) ?? (await this.next(left));
      if (piece === undefined) break;
      left -= piece.byteLength;
    }
    return length - left;
  }

  /** Reads to the end, for whoever checks the source has to see all of it. */
  async drain(): Promise<void> {
    while (await this.#read());
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    this.#chunk = NOTHING;
    this.#at = 0;
    if (this.#ended) return;
    this.#ended = true;
    await this.#iterator.return?.();
  }

  async #read(): Promise<boolean> {
    while (!this.#ended) {
      const step = await this.#iterator.next();
      this.#base += this.#chunk.byteLength;
      this.#at = 0;
      if (step.done === true) {
        this.#ended = true;
        this.#chunk = NOTHING;
      } else {
        this.#chunk = step.value;
        if (this.#chunk.byteLength > 0) return true;
      }
    }
    return false;
  }
}
