/**
 * One at a time for each key, in the order of asking. Keys that nobody waits for take no memory. It guards against
 * other requests of this process; a root belongs to one server.
 */
export class KeyLock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `work` when everything that asked for `key` before has ended, well or badly. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    let release!: () => void;
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#tails.set(key, mine);
    try {
      await before;
      return await work();
    } finally {
      release();
      if (this.#tails.get(key) === mine) this.#tails.delete(key);
    }
  }
}
