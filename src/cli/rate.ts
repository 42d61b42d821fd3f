/** How fast bytes moved of late, and how long the rest will take. Times are in milliseconds of any clock. */
export class Rate {
  readonly #samples: { at: number; total: number }[] = [];
  #total = 0;
  #lastMoved: number | undefined;

  /** Bytes moved; negative when they have to be sent again. */
  add(bytes: number, now: number): void {
    this.#total += bytes;
    if (bytes > 0) this.#lastMoved = now;
    const last = this.#samples.at(-1);
    // Chunks come by the thousand: a sample for each tenth of a second is enough.
    if (last !== undefined && now - last.at < SAMPLE_MS) last.total = this.#total;
    else this.#samples.push({ at: now, total: this.#total });
  }

  /** Begins to count the time, before the first byte. */
  start(now: number): void {
    this.#lastMoved ??= now;
    if (this.#samples.length === 0) this.#samples.push({ at: now, total: this.#total });
  }

  get total(): number {
    return this.#total;
  }

  /** Bytes a second over the last seconds; what was long ago says nothing of now. */
  perSecond(now: number): number {
    while (this.#samples.length > 1 && this.#samples[1]!.at <= now - WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0];
    if (first === undefined) return 0;
    const seconds = Math.max(now - Math.max(first.at, now - WINDOW_MS), MIN_MS) / 1000;
    return Math.max(0, this.#total - first.total) / seconds;
  }

  /** Seconds until `left` bytes have moved; undefined while nothing moves. */
  secondsFor(left: number, now: number): number | undefined {
    const rate = this.perSecond(now);
    return rate > 0 ? left / rate : undefined;
  }

  /** Seconds since the last byte moved. */
  silentFor(now: number): number {
    return this.#lastMoved === undefined ? 0 : (now - this.#lastMoved) / 1000;
  }
}

const WINDOW_MS = 8000;
const SAMPLE_MS = 100;
/** A rate over less would jump about. */
const MIN_MS = 500;
