import { setTimeout as wait } from "node:timers/promises";

/** Sleeps, and wakes at once with the signal's reason when it is aborted. */
export async function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await wait(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    // Node wraps the reason in an AbortError of its own.
    signal?.throwIfAborted();
    throw error;
  }
}
