import { GantryError } from "../errors.js";

/** How far the fastest reader may be ahead of the slowest, in chunks. */
const AHEAD = 4;

interface Branch {
  readonly queue: Uint8Array[];
  open: boolean;
  wake: (() => void) | undefined;
}

/**
 * Reads a source once for `count` readers. The slowest sets the pace: nobody is more than a few chunks ahead. A
 * reader that leaves early no longer counts, the last one to leave closes the source, and a failure of the source
 * reaches everybody after what came before it. Every branch has to be read or closed, for one that nobody touches holds
 * up the rest.
 */
export function tee(source: AsyncIterable<Uint8Array>, count: number): AsyncIterableIterator<Uint8Array>[] {
  if (!Number.isInteger(count) || count < 1)
    throw new GantryError("INTERNAL", `cannot tee a stream to ${count} readers`);
  const branches: Branch[] = Array.from({ length: count }, () => ({ queue: [], open: true, wake: undefined }));
  let iterator: AsyncIterator<Uint8Array> | undefined;
  let ended: { readonly error?: unknown } | undefined;
  let pulling = false;

  const wakeAll = (): void => {
    for (const branch of branches) {
      const wake = branch.wake;
      branch.wake = undefined;
      wake?.();
    }
  };
  const pull = async (): Promise<void> => {
    if (pulling || ended !== undefined) return;
    const live = branches.filter((branch) => branch.open);
    if (live.length === 0 || live.some((branch) => branch.queue.length >= AHEAD)) return;
    pulling = true;
    try {
      iterator ??= source[Symbol.asyncIterator]();
      const step = await iterator.next();
      if (step.done === true) ended = {};
      else for (const branch of branches) if (branch.open) branch.queue.push(step.value);
    } catch (error) {
      ended = { error };
    }
    pulling = false;
    wakeAll();
  };

  const close = async (branch: Branch): Promise<void> => {
    if (!branch.open) return;
    branch.open = false;
    branch.queue.length = 0;
    branch.wake?.();
    branch.wake = undefined;
    if (branches.some((other) => other.open)) {
      // The others may have waited for this one.
      wakeAll();
      return;
    }
    if (ended !== undefined) return;
    ended = {};
    const returned = iterator?.return?.();
    // A source that is stuck in a read is told, but not waited for.
    if (pulling) returned?.catch(() => {});
    else await returned;
  };

  return branches.map((branch) => ({
    async next() {
      for (;;) {
        if (!branch.open) return { done: true, value: undefined };
        const chunk = branch.queue.shift();
        if (chunk !== undefined) {
          if (branch.queue.length === AHEAD - 1) wakeAll();
          return { done: false, value: chunk };
        }
        if (ended !== undefined) {
          branch.open = false;
          if ("error" in ended) throw ended.error;
          return { done: true, value: undefined };
        }
        const woken = new Promise<void>((resolve) => {
          branch.wake = resolve;
        });
        void pull();
        await woken;
      }
    },
    async return() {
      await close(branch);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  }));
}
