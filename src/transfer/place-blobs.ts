import pLimit from "p-limit";
import type { Placement } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor, Digest, RepositoryName } from "../spec/index.js";
import type { Body } from "../streams/index.js";
import { type Applying, type Journal, together } from "./applying.js";
import { groupBy } from "./group.js";
import type { NeededBlob, Target } from "./plan-target.js";
import { SharedBody } from "./shared-body.js";

interface Placing {
  readonly target: Target;
  readonly blob: NeededBlob;
}

/**
 * Brings every blob to every target that needs it. A blob is read once for all hosts that take it at the same time;
 * the repositories of one host come one after the other, and mount it from the first.
 */
export async function placeBlobs(targets: readonly Target[], applying: Applying, journal: Journal): Promise<void> {
  const work = wantedBy(targets);
  const placings = work.flatMap(({ groups }) => groups.flat());
  applying.onEvent?.({
    type: "start",
    blobs: placings.length,
    bytes: placings.reduce((sum, { blob }) => sum + blob.descriptor.size, 0),
  });
  for (const target of targets) {
    for (const descriptor of target.present)
      journal.add("skip", target, descriptor, { how: "present", bytes: 0, descriptor });
  }
  const limit = pLimit(applying.concurrency);
  // The largest first: the last one to end decides how long it takes.
  const ordered = work.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  await together(
    ordered.map(({ descriptor, groups }) => limit(() => placeEverywhere(descriptor, groups, applying, journal))),
    applying,
  );
}

/** One blob, everywhere. */
async function placeEverywhere(
  descriptor: Descriptor,
  groups: readonly (readonly Placing[])[],
  applying: Applying,
  journal: Journal,
): Promise<void> {
  applying.signal?.throwIfAborted();
  const body = applying.source.blob(descriptor);
  const shared = groups.length > 1 ? new SharedBody(body, applying.signal) : undefined;
  // All of them are known before the first opens it, so that it waits for the others.
  const readers = groups.map(() => shared?.reader());
  await together(
    groups.map(async (group, at) => {
      const reader = readers[at];
      const places: RepositoryName[] = [];
      try {
        for (const { target, blob } of group) {
          applying.signal?.throwIfAborted();
          await placeBlob(target, blob, { body: reader?.body ?? body, places }, applying, journal);
          reader?.leave();
          if (target.store.repository !== undefined) places.unshift(target.store.repository);
        }
      } finally {
        reader?.leave();
      }
    }),
    applying,
  );
}

/** How one blob is brought to one store. */
export interface PlaceOptions {
  readonly body: Body;
  /** Repositories that have just been given the blob. */
  readonly places?: readonly RepositoryName[];
  /** The store says that it has the blob, and has not. */
  readonly lies?: boolean;
}

/** Brings a blob to one target, with a second try where its bytes were wrong. */
export async function placeBlob(
  target: Target,
  { descriptor, present, mountFrom }: NeededBlob,
  { body, places = [], lies = false }: PlaceOptions,
  { onEvent, signal, memory }: Applying,
  journal: Journal,
): Promise<void> {
  const { store } = target;
  const destination = store.location;
  onEvent?.({ type: "blob-start", destination, descriptor });
  const put = (): Promise<Placement> =>
    store.writer!.putBlob(descriptor, body, {
      signal,
      mountFrom: [...places, ...mountFrom],
      ...(lies ? { present: "ignore" as const } : present === "no" ? { present } : {}),
      onBytes: (count) => onEvent?.({ type: "bytes", destination, descriptor, count }),
    });
  const placement = await put()
    .catch((error: unknown) => {
      // Bytes that were wrong once may have been broken on their way: one fresh try (faults D06, D07).
      if (
        !GantryError.is(error) ||
        (error.code !== "DIGEST_MISMATCH" && error.code !== "SIZE_MISMATCH") ||
        signal?.aborted
      )
        throw error;
      onEvent?.({ type: "retry", destination, reason: error.message });
      return put();
    })
    .catch((error: unknown) => journal.fail(error, target, signal?.aborted === true));
  if (store.repository !== undefined) memory.remember(store.repository, descriptor);
  const how = lies && placement.how === "uploaded" ? { ...placement, how: "repaired" as const } : placement;
  const action = placement.how === "mounted" ? "mount" : placement.how === "present" ? "skip" : "upload";
  journal.add(action, target, descriptor, how);
  onEvent?.({ type: "blob-done", destination, descriptor, placement: how });
}

/** For each blob the targets that need it, by host: a host's repositories can mount from one another. */
function wantedBy(targets: readonly Target[]): { descriptor: Descriptor; groups: readonly (readonly Placing[])[] }[] {
  const blobs = new Map<Digest, Placing[]>();
  for (const target of targets) {
    for (const blob of target.blobs) {
      const placings = blobs.get(blob.descriptor.digest);
      if (placings === undefined) blobs.set(blob.descriptor.digest, [{ target, blob }]);
      else placings.push({ target, blob });
    }
  }
  return [...blobs.values()].map((placings) => ({
    descriptor: placings[0]!.blob.descriptor,
    groups: [...groupBy(placings, ({ target }) => target.store.repository?.host ?? target.store.location).values()],
  }));
}
