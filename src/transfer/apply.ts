import { setMaxListeners } from "node:events";
import type { GantryError } from "../errors.js";
import { Journal, together } from "./applying.js";
import { moveNames, type NameOutcome } from "./move-names.js";
import { placeBlobs } from "./place-blobs.js";
import type { Step } from "./plan.js";
import type { Target } from "./plan-target.js";
import { putDocuments, type Putting } from "./put-documents.js";

/** What came of applying. */
export interface Applied {
  readonly steps: readonly Step[];
  /** By full name; empty when no name was to be moved yet. */
  readonly names: ReadonlyMap<string, NameOutcome>;
  /** The first error of each target that failed. */
  readonly failed: ReadonlyMap<Target, GantryError>;
  /** What stopped the work; undefined when all of it was done. */
  readonly error: unknown;
}

/**
 * Brings the content to every target and moves the names when all of it is everywhere. The first failure stops the
 * rest: nothing was named, so nothing is half published, and what was uploaded is found present the next time.
 */
export async function applyTargets(targets: readonly Target[], putting: Omit<Putting, "stop">): Promise<Applied> {
  const { signal } = putting;
  const halt = new AbortController();
  const stop = (reason: unknown): void => halt.abort(reason);
  const inner: Putting = {
    ...putting,
    stop,
    signal: signal === undefined ? halt.signal : AbortSignal.any([signal, halt.signal]),
  };
  // Every request under way listens; so many are no leak.
  setMaxListeners(0, inner.signal!);
  const journal = new Journal();
  const names = new Map<string, NameOutcome>();
  let error: unknown;
  try {
    await placeBlobs(targets, inner, journal);
    await together(
      targets.map((target) => putDocuments(target, isPutFirst(target, targets), inner, journal)),
      inner,
    );
    await moveNames(targets, names, inner, journal);
  } catch (thrown) {
    error = signal?.aborted === true ? (signal.reason ?? thrown) : thrown;
  }
  return { steps: journal.steps, names, failed: journal.failed, error };
}

/** Alone and with nothing attached, the root and its first name are one request. */
function isPutFirst(target: Target, targets: readonly Target[]): boolean {
  const named = target.names.some(({ destination }) => destination.tag !== undefined);
  return targets.length > 1 || !named || target.attachedDocuments.length > 0;
}
