import pLimit from "p-limit";
import { GantryError } from "../errors.js";
import { type Bringing, bringImage } from "./bring-image.js";
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
  const images: { readonly image: SyncedImage; readonly order: readonly [number, number] }[] = [];
  const failures: SyncFailure[] = [];
  const ledger = new DeleteLedger();
  const claims = new Map<string, string>();
  const questions = pLimit(Math.max(LEAST_QUESTIONS, concurrency * QUESTIONS));
  const run: Bringing["run"] = {};
  const bringing: Bringing = { options, copies: pLimit(Math.max(1, concurrency)), lines: new Map(), run };
  const listings = pLimit(LISTINGS);

  const done = (image: SyncedImage, order: readonly [number, number]): void => {
    images.push({ image, order });
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
      const claim = claimName(claims, job, ref);
      if (claim === "taken already") return;
      const next =
        claim ??
        (await questions(async () => {
          signal?.throwIfAborted();
          return bringImage(job, ref, bringing);
        }));
      done(typeof next === "function" ? await next() : next, [number, at]);
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
      if ("action" in removed) done(removed, [jobs.length, images.length]);
      else failures.push(removed);
    }
  } finally {
    await Promise.all(jobs.map((job) => job.state.close()));
  }
  signal?.throwIfAborted();
  const sorted = images.toSorted(({ order: a }, { order: b }) => a[0] - b[0] || a[1] - b[1]).map(({ image }) => image);
  return reportSync(sorted, failures, (performance.now() - started) / 1000);
}

/** Tags of one repository under way at once. */
const LANES = 256;

/**
 * Notes who brings a name. What another rule brings already is left to it; two sources for one name are a mistake, for
 * whichever came last would win.
 */
function claimName(claims: Map<string, string>, job: SyncJob, ref: string): SyncedImage | "taken already" | undefined {
  const name = `${job.destination} ${job.tagOf(ref)}`;
  const source = job.nameOf(ref);
  const other = claims.get(name);
  if (other === undefined) {
    claims.set(name, source);
    return undefined;
  }
  if (other === source) return "taken already";
  const destination = `${job.destination}:${job.tagOf(ref)}`;
  const error = new GantryError("CONFLICT", `${other} goes to the same name`, {
    where: destination,
    hint: "Give each a destination of its own, or use --scoped.",
    facts: { source, other },
  });
  return { source, destination, action: "copy", status: "failed", reason: error.message, error };
}

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
