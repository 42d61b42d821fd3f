import type { Digest } from "../../spec/index.js";

/**
 * Keeps what a writer has put or asked for out of the hands of a collector: a transfer may last longer than any grace
 * time, and its first blobs are reached by nothing until its last manifest is put. The marks stop with the process, so
 * what a dead writer left becomes garbage.
 */
export class FreshBlobs {
  readonly #touch: (digest: Digest) => Promise<unknown>;
  readonly #everyMs: number;
  readonly #digests = new Map<Digest, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(touch: (digest: Digest) => Promise<unknown>, everyMs: number = EVERY_MS) {
    this.#touch = touch;
    this.#everyMs = everyMs;
  }

  /** Marks a blob as wanted from now on. */
  add(digest: Digest): void {
    this.#digests.delete(digest);
    this.#digests.set(digest, performance.now());
    this.#timer ??= setInterval(() => void this.#renew(), this.#everyMs).unref();
  }

  /** Wants nothing any more. */
  clear(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#digests.clear();
  }

  async #renew(): Promise<void> {
    for (const [digest, since] of this.#digests) {
      if (performance.now() - since > this.#everyMs * ROUNDS) this.#digests.delete(digest);
      else await this.#touch(digest).catch(() => {});
    }
    if (this.#digests.size === 0) this.clear();
  }
}

/** Well inside the hour that a collector waits. */
const EVERY_MS = 15 * 60 * 1000;
/** A day; a store that is open for longer must not remember every blob that it ever saw. */
const ROUNDS = 96;
