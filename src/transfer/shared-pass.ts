import type { Body } from "../streams/index.js";

/** How far the fastest reader may be ahead of the slowest. */
const AHEAD_BYTES = 1024 * 1024;

/** A reader that takes nothing for so long while others wait for it goes on alone. */
const STANDSTILL_MS = 10_000;

interface Branch {
  readonly queue: Uint8Array[];
  queued: number;
  /** Where the next chunk that is pulled begins for this branch. */
  end: number;
  lastTaken: number;
  state: "shared" | "alone" | "closed";
  wake: (() => void) | undefined;
}

/**
 * One pass over a body for several readers. The slowest sets the pace, with two exceptions: who leaves no longer
 * counts, and who stands still, as at a registry that is dying, is left behind and reads the rest by itself. A failure
 * of the source reaches everybody after what came before it.
 */
export class SharedPass {
  readonly #body: Body;
  readonly #branches: Branch[];
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #standstill: number;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #ended: { readonly error?: unknown } | undefined;
  #isPulling = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(body: Body, readers: number, signal: AbortSignal | undefined, standstill: number = STANDSTILL_MS) {
    this.#body = body;
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#standstill = standstill;
    this.#branches = Array.from({ length: readers }, () => ({
      queue: [],
      queued: 0,
      end: 0,
      lastTaken: Date.now(),
      state: "shared" as const,
      wake: undefined,
    }));
  }

  /** What the reader with this number reads. */
  async *branch(at: number): AsyncGenerator<Uint8Array, void, undefined> {
    const branch = this.#branches[at]!;
    try {
      for (;;) {
        const chunk = branch.queue.shift();
        if (chunk !== undefined) {
          branch.queued -= chunk.byteLength;
          branch.lastTaken = Date.now();
          this.#pull();
          yield chunk;
          branch.lastTaken = Date.now();
        } else if (branch.state === "alone") {
          yield* this.#body.open({ start: branch.end, signal: this.#signal });
          return;
        } else if (this.#ended !== undefined) {
          if ("error" in this.#ended) throw this.#ended.error;
          return;
        } else {
          const woken = new Promise<void>((resolve) => (branch.wake = resolve));
          this.#pull();
          await woken;
        }
      }
    } finally {
      this.#leave(branch);
    }
  }

  #pull(): void {
    if (this.#isPulling || this.#ended !== undefined) return;
    const shared = this.#branches.filter(({ state }) => state === "shared");
    // Nobody is hungry: the queues are the buffer, not a goal.
    if (!shared.some(({ queue }) => queue.length === 0)) return;
    if (shared.some(({ queued }) => queued >= AHEAD_BYTES)) {
      this.#timer ??= setTimeout(() => this.#leaveBehind(), this.#standstill);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isPulling = true;
    void this.#next();
  }

  async #next(): Promise<void> {
    try {
      this.#iterator ??= this.#body.open({ signal: this.#signal })[Symbol.asyncIterator]();
      const step = await this.#iterator.next();
      if (step.done === true) this.#ended = {};
      else this.#hand(step.value);
    } catch (error) {
      this.#ended = { error };
    }
    this.#isPulling = false;
    this.#wakeAll();
  }

  #hand(chunk: Uint8Array): void {
    for (const branch of this.#branches) {
      if (branch.state !== "shared") continue;
      branch.queue.push(chunk);
      branch.queued += chunk.byteLength;
      branch.end += chunk.byteLength;
    }
  }

  #leaveBehind(): void {
    this.#timer = undefined;
    const since = Date.now() - this.#standstill;
    for (const branch of this.#branches) {
      if (branch.state === "shared" && branch.queued >= AHEAD_BYTES && branch.lastTaken <= since)
        branch.state = "alone";
    }
    this.#pull();
  }

  #leave(branch: Branch): void {
    branch.state = "closed";
    branch.queue.length = 0;
    branch.queued = 0;
    if (this.#branches.some(({ state }) => state === "shared")) {
      // The others may have waited for this one.
      this.#pull();
      return;
    }
    clearTimeout(this.#timer);
    // Alone ones read under the same signal, so it is only stopped with the last.
    if (this.#branches.every(({ state }) => state === "closed")) this.#stop.abort();
    if (this.#ended !== undefined) return;
    this.#ended = {};
    // A source that is stuck in a read is told, but not waited for.
    void this.#iterator?.return?.()?.then(undefined, () => undefined);
  }

  #wakeAll(): void {
    for (const branch of this.#branches) {
      const { wake } = branch;
      branch.wake = undefined;
      wake?.();
    }
  }
}
