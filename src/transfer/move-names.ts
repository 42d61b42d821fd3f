import type { Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor } from "../spec/index.js";
import type { Journal } from "./applying.js";
import type { Target } from "./plan-target.js";
import type { PlannedName } from "./planning.js";
import { putDocument, type Putting } from "./put-documents.js";
import { whatIs } from "./what-is.js";

/** How a name fared that was, or was to be, moved. */
export interface NameOutcome {
  readonly moved: boolean;
  /** Why it could not be moved. */
  readonly error?: GantryError;
  /** What was done about it when others failed, for people. */
  readonly note?: string;
}

interface Move {
  readonly target: Target;
  readonly name: PlannedName;
  /** What the name pointed at, where that was asked; null: it did not exist. */
  before: Descriptor | null | undefined;
  state: "waiting" | "begun" | "moved";
  note?: string;
  error?: GantryError;
}

/** How long putting names back may take, whatever has happened. */
const ROLLBACK_MS = 60_000;

/**
 * Moves every name that has to move: cosign's tags first, so that whoever sees the image finds its signatures. Where
 * several names move, each is looked up just before, and when one cannot be moved those that were are put back to the
 * very bytes that they pointed at. A name that somebody else has moved since is theirs and stays.
 * How each fared, by its full name, is in `outcomes`, also when this throws.
 */
export async function moveNames(
  targets: readonly Target[],
  outcomes: Map<string, NameOutcome>,
  applying: Putting,
  journal: Journal,
): Promise<void> {
  const moves = targets.flatMap((target) =>
    [...target.attachedNames, ...target.names]
      .filter(({ changed, destination }) => changed && destination.tag !== undefined)
      .map((name): Move => ({ target, name, before: undefined, state: "waiting" })),
  );
  const canRollBack = applying.rollback && moves.length > 1;
  try {
    if (canRollBack) await Promise.all(moves.map((move) => lookUp(move, applying, journal)));
    await each(moves.filter(({ target, name }) => target.attachedNames.includes(name)));
    await each(moves.filter(({ target, name }) => target.names.includes(name)));
  } catch (error) {
    if (canRollBack) await Promise.all(moves.map((move) => putBack(move)));
    throw error;
  } finally {
    for (const { name, state, note, error } of moves) {
      outcomes.set(name.destination.name, {
        moved: state === "moved",
        ...(note === undefined ? {} : { note }),
        ...(error === undefined ? {} : { error }),
      });
    }
  }

  /** Stores at the same time, the names of each in order; all have ended when it throws. */
  async function each(some: readonly Move[]): Promise<void> {
    const ends = await Promise.allSettled(
      targets.map(async (target) => {
        for (const one of some) if (one.target === target) await move(one, applying, journal);
      }),
    );
    const failed = ends.find((end) => end.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

async function lookUp(one: Move, { signal }: Putting, journal: Journal): Promise<void> {
  const { target, name } = one;
  try {
    one.before = (await whatIs(target.store, name.destination.tag!, { signal })) ?? null;
  } catch (error) {
    if (GantryError.is(error)) one.error = error;
    journal.fail(error, target, signal?.aborted === true);
  }
}

async function move(one: Move, applying: Putting, journal: Journal): Promise<void> {
  const { target, name } = one;
  const { destination, descriptor } = name;
  // One failed already: no other name moves any more.
  if (journal.failed.size > 0) return;
  one.state = "begun";
  await putDocument(target, descriptor, [destination.tag!], applying, journal).catch((error: unknown) => {
    if (GantryError.is(error)) one.error = error;
    throw error;
  });
  one.state = "moved";
  const attachedTo = target.attachedTo.get(descriptor.digest);
  journal.steps.push({
    action: "tag",
    destination: destination.name,
    descriptor,
    bytes: 0,
    reason: "moved",
    ...(attachedTo === undefined ? {} : { attachedTo }),
  });
  applying.onEvent?.({ type: "tagged", destination: target.store.location, name: destination.name, descriptor });
}

/** Undoes a move that was made, or may have been: an answer that was lost may have been a yes. */
async function putBack(move: Move): Promise<void> {
  if (move.state === "waiting" || move.before === undefined) return;
  const { store } = move.target;
  const { destination, descriptor } = move.name;
  const tag = destination.tag!;
  const signal = AbortSignal.timeout(ROLLBACK_MS);
  try {
    const now = await whatIs(store, tag, { signal });
    if (now?.digest !== descriptor.digest) {
      if (move.state === "moved") move.note = "somebody else has moved it since, so it stays";
      move.state = "waiting";
      return;
    }
    if (move.before?.digest === descriptor.digest) return;
    move.note = await restore(store, tag, move.before, descriptor, signal);
    move.state = "waiting";
  } catch (error) {
    const why = GantryError.is(error) ? error.message : String(error);
    const was = move.before === null ? "did not exist before" : `pointed at ${move.before.digest} before`;
    move.note =
      move.state === "moved"
        ? `could not be put back: ${why}; it ${was}`
        : `nobody knows where it points: ${why}; it ${was}`;
  }
}

async function restore(
  store: Store,
  tag: string,
  before: Descriptor | null,
  now: Descriptor,
  signal: AbortSignal,
): Promise<string> {
  if (before !== null) {
    const bytes = await store.manifest(before, { signal });
    await store.writer!.putManifest(bytes, before, { tags: [tag], ifMatch: now.digest, signal });
    return `put back to ${before.digest}`;
  }
  if (store.tags === undefined) throw new GantryError("UNSUPPORTED", "names cannot be removed here");
  await store.tags.remove(tag, { signal });
  return "removed again, for it did not exist before";
}
