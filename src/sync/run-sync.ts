import pLimit from "p-limit";
import { GantryError } from "../errors.js";
import { type Bringing, bringImage } from "./bring-image.js";
import { Claims } from "./claims.js";
import { DeleteLedger } from "./delete-ledger.js";
import type { SyncedImage, SyncFailure, SyncReport } from "./sync-report.js";
import { reportSync } from "./sync-report.js";
import type { SyncJob, SyncOptions } from "./sync-job.js";

/** Repositories that are listed at once. */
const LISTINGS = 8;
/** Images whose source is asked at once, for each that may be brought at once: a question is small. */
const QUESTIONS = 4;
const LEAST_QUESTIONS = 16;
const DEFAULT_IMAGES = 4;

/**
 * Brings every image that the jobs mean and that is not equal at its destination, then removes what left the sources,
 * where a job says so. Goes on when an image fails, and tells all failures at the end.
 *
 * @throws the signal's reason when it is aborted; what was done until then is remembered. With `failFast` the first
 *   failure. The failure of an image is no exception but a part of the report.
 */
export async function runSync(jobs: readonly SyncJob[], options: SyncOptions): Promise<SyncReport> {
  const started = performance.now();
  const { signal, concurrency = DEFAULT_IMAGES } = options;
  // By job and by the place in its list: in that order they are reported, whichever is done first.
  const images: SyncedImage[][] = jobs.map(() => []);
  const removals: SyncedImage[] = [];
  const failures: SyncFailure[] = [];
  const ledger = new DeleteLedger(jobs);
  const claims = new Claims(jobs);
  const questions = pLimit(Math.max(LEAST_QUESTIONS, concurrency * QUESTIONS));
  const run: Bringing["run"] = {};
  const bringing: Bringing = { options, copies: pLimit(Math.max(1, concurrency)), lines: new Map(), run };
  const listings = pLimit(LISTINGS);

  const done = (image: SyncedImage, into: SyncedImage[], at: number): void => {
    into[at] = image;
    options.onEvent?.({ type: "image", image });
    if (options.failFast === true && image.error !== undefined) throw image.error;
  };

  const runJob = async (job: SyncJob, number: number): Promise<void> => {
    signal?.throwIfAborted();
    let refs: readonly string[];
    try {
      const listed = await listings(() => job.list(signal));
      refs = job.select(listed.all);
      ledger.listed(job, listed);
    } catch (error) {
      signal?.throwIfAborted();
      // What could not be listed did not leave: nothing is removed at a destination that this job fills.
      ledger.untouchable(job);
      const failure = { source: job.source, error: sourceError(error, job.source) };
      failures.push(failure);
      options.onEvent?.({ type: "failed", failure });
      if (options.failFast === true) throw failure.error;
      return;
    }
    options.onEvent?.({ type: "listed", source: job.source, images: refs.length });
    const bring = async (ref: string, at: number): Promise<void> => {
      const claim = claims.claim(job, ref);
      if (claim === "taken already") return;
      const next =
        claim ??
        (await questions(async () => {
          signal?.throwIfAborted();
          return bringImage(job, ref, bringing);
        }));
      done(typeof next === "function" ? await next() : next, images[number]!, at);
    };
    let next = 0;
    // A few more than are asked at once, however many tags there are.
    const lane = async (): Promise<void> => {
      while (next < refs.length && run.ended === undefined) {
        const at = next++;
        await bring(refs[at]!, at).catch((error: unknown) => {
          run.ended ??= { why: error };
          throw run.ended.why;
        });
      }
    };
    await settleAll(Array.from({ length: Math.min(LANES, refs.length) }, lane));
  };

  try {
    await settleAll(jobs.map(runJob));
    for await (const removed of ledger.remove(options)) {
      if ("action" in removed) done(removed, removals, removals.length);
      else failures.push(removed);
    }
  } finally {
    await Promise.all(jobs.map((job) => job.state.close()));
  }
  signal?.throwIfAborted();
  // What a rule left to another one is a hole in its list.
  const all = [...images, removals].flatMap((list) => list.filter(() => true));
  return reportSync(all, failures, (performance.now() - started) / 1000);
}

/** Tags of one repository under way at once. */
const LANES = 256;

/** Waits for all, so that nothing goes on behind the caller's back, then throws the first failure. */
async function settleAll(works: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(works);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

function sourceError(error: unknown, where: string): GantryError {
  if (GantryError.is(error)) return error.with({ side: "source", where });
  throw error;
}
