import { GantryError } from "../errors.js";
import type { Listed, SyncJob, SyncOptions } from "./sync-job.js";
import type { SyncedImage, SyncFailure } from "./sync-report.js";

/** What belongs to other images and comes and goes with them (the referrers tag schema, cosign's names). */
const ATTACHED_TAG = /^sha(?:256|512)-[0-9a-f]{64}/;

/**
 * What the sources of each destination have, and from it what may be removed there: names that a job with `delete` means
 * and that no source of the destination has any more. Where one of its sources was not or not wholly listed, or has
 * nothing left at all, nothing is removed.
 */
export class DeleteLedger {
  readonly #places = new Map<string, Place>();
  /** Destinations that something may be removed from; of the others nothing has to be known. */
  readonly #touched: ReadonlySet<string>;

  constructor(jobs: readonly SyncJob[]) {
    this.#touched = new Set(jobs.flatMap((job) => (job.delete ? [job.destination] : [])));
  }

  /** Notes what a source has; only where that is `complete`, what is missing has left it. */
  listed(job: SyncJob, { all, complete }: Listed): void {
    if (!this.#touched.has(job.destination)) return;
    const place = this.#place(job);
    for (const ref of all) place.there.add(job.tagOf(ref));
    if (!job.delete || !complete) return;
    place.jobs.push(job);
    if (all.length === 0) place.empty ??= job.source;
  }

  /** Notes that nobody knows what a source has. */
  untouchable(job: SyncJob): void {
    this.#place(job).unknown = true;
  }

  /** Removes, or with `dryRun` only says what it would. */
  async *remove(options: SyncOptions): AsyncGenerator<SyncedImage | SyncFailure, void, undefined> {
    for (const place of this.#places.values()) {
      if (place.unknown || place.jobs.length === 0) continue;
      const job = place.jobs[0]!;
      try {
        yield* this.#removeFrom(place, options);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!GantryError.is(error)) throw error;
        // A destination that does not exist yet has nothing to remove.
        if (error.code === "NAME_UNKNOWN") continue;
        const failure = {
          source: job.source,
          destination: job.destination,
          error: error.with({ side: "destination", where: job.destination }),
        };
        if (options.failFast === true) throw failure.error;
        options.onEvent?.({ type: "failed", failure });
        yield failure;
      }
    }
  }

  async *#removeFrom(place: Place, options: SyncOptions): AsyncGenerator<SyncedImage, void, undefined> {
    const job = place.jobs[0]!;
    const { store, refOf, nameOf } = await job.removal();
    if (store.tags === undefined)
      throw new GantryError("UNSUPPORTED", "names cannot be removed here", { where: job.destination });
    // Listed whole before anything is removed: pages of a list that shrinks skip entries.
    const gone: { tag: string; ref: string; job: SyncJob }[] = [];
    for await (const tag of store.tags.list({ signal: options.signal })) {
      const ref = refOf(tag);
      if (ref === undefined || place.there.has(tag) || ATTACHED_TAG.test(tag)) continue;
      const meant = place.jobs.find((other) => other.matches(ref));
      if (meant !== undefined) gone.push({ tag, ref, job: meant });
    }
    if (gone.length > 0 && place.empty !== undefined && options.deleteAll !== true) {
      throw new GantryError("CONFLICT", `the source ${place.empty} has no tags at all, so nothing was removed`, {
        hint: "If that is right, give --delete-all.",
      });
    }
    for (const { tag, ref, job: owner } of gone) {
      options.signal?.throwIfAborted();
      const image = {
        source: owner.nameOf(ref),
        destination: nameOf(tag),
        action: "delete" as const,
        reason: "it left the source",
      };
      if (options.dryRun === true) {
        yield { ...image, status: "planned" };
        continue;
      }
      try {
        await store.tags.remove(tag, { signal: options.signal });
        await owner.state.forget(ref);
        yield { ...image, status: "done" };
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!GantryError.is(error)) throw error;
        if (error.code === "MANIFEST_UNKNOWN") continue;
        yield { ...image, status: "failed", error: error.with({ side: "destination", where: image.destination }) };
      }
    }
  }

  #place(job: SyncJob): Place {
    let place = this.#places.get(job.destination);
    if (place === undefined)
      this.#places.set(job.destination, (place = { jobs: [], there: new Set(), unknown: false }));
    return place;
  }
}

interface Place {
  /** Those that remove. */
  readonly jobs: SyncJob[];
  readonly there: Set<string>;
  unknown: boolean;
  empty?: string;
}
