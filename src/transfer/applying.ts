import type { ContentReader, Placement } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor } from "../spec/index.js";
import type { EventListener } from "./events.js";
import type { LocationMemory } from "./memory.js";
import type { Step } from "./plan.js";
import type { Target } from "./plan-target.js";

/** What applying needs. */
export interface Applying {
  readonly source: ContentReader;
  readonly root: Descriptor;
  readonly memory: LocationMemory;
  /** Blobs on their way at once. */
  readonly concurrency: number;
  /** Put names back when not all of them can be moved. */
  readonly rollback: boolean;
  readonly onEvent: EventListener | undefined;
  readonly signal: AbortSignal | undefined;
  /** Ends everything that is under way. */
  readonly stop: (reason: unknown) => void;
}

/**
 * Waits for all of them. The first failure stops the others, and is thrown when they have ended: nothing goes on behind
 * the back of whoever hears of it.
 */
export async function together(work: readonly Promise<unknown>[], { stop }: Pick<Applying, "stop">): Promise<void> {
  const failures: unknown[] = [];
  await Promise.all(
    work.map((each) =>
      each.catch((error: unknown) => {
        if (failures.push(error) === 1) stop(error);
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}

/** What was done, and what went wrong, while a plan is applied. */
export class Journal {
  readonly steps: Step[] = [];
  /** The first error of each target. */
  readonly failed: Map<Target, GantryError> = new Map();
  readonly #put = new Set<string>();

  /** Notes something that was done with content. */
  add(action: Step["action"], target: Target, descriptor: Descriptor, placement: Placement): void {
    const attachedTo = target.attachedTo.get(descriptor.digest);
    this.steps.push({
      action,
      destination: target.store.location,
      descriptor,
      bytes: placement.bytes,
      reason: placement.how,
      placement,
      ...(attachedTo === undefined ? {} : { attachedTo }),
    });
  }

  /** The same for a document; one that is put by its digest and again under names is counted once. */
  addDocument(target: Target, descriptor: Descriptor, placement: Placement): boolean {
    const key = `${target.store.location} ${descriptor.digest}`;
    if (this.#put.has(key)) return false;
    this.#put.add(key);
    this.add("put", target, descriptor, placement);
    return true;
  }

  /**
   * Notes a failure and throws it. Only the first one stops the work; those of the work that it stopped are none.
   *
   * @throws the error, with the target's name
   */
  fail(error: unknown, target: Target, stopped: boolean): never {
    const named = toDestination(error, target);
    if (!stopped && GantryError.is(named) && !this.failed.has(target)) this.failed.set(target, named);
    throw named;
  }
}

function toDestination(error: unknown, target: Target): unknown {
  return GantryError.is(error)
    ? error.with({ side: "destination", where: target.names[0]?.destination.name ?? target.store.location })
    : error;
}
