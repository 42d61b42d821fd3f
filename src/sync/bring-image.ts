import type { LimitFunction } from "p-limit";
import { GantryError, type Side } from "../errors.js";
import { type Descriptor, isDigest } from "../spec/index.js";
import type { Destination } from "../transfer/index.js";
import type { SyncJob, SyncOptions } from "./sync-job.js";
import type { SyncedImage } from "./sync-report.js";
import type { SeenImage } from "./sync-state.js";

/** What all images of a run share. */
export interface Bringing {
  readonly options: SyncOptions;
  readonly copies: LimitFunction;
  /** What is being brought, by destination and digest: tags of one image take turns, so that its content goes once. */
  readonly lines: Map<string, Promise<unknown>>;
  /** Set when the run ends early: what still waits is not begun. */
  readonly run: { ended?: { readonly why: unknown } };
}

/** A day: somebody may have removed a tag at the destination. */
const VERIFY_AFTER = 24 * 3600;

/**
 * Asks what has to be done for one image: nothing at all for an immutable tag that was seen equal, else one question to
 * the source. Answers the outcome, or the work that is left, which takes its turn among the copies.
 */
export async function bringImage(
  job: SyncJob,
  ref: string,
  bringing: Bringing,
): Promise<SyncedImage | (() => Promise<SyncedImage>)> {
  const { options } = bringing;
  const names = { source: job.nameOf(ref), destination: job.destination };
  let place = names;
  let side: Side | undefined = "destination";
  try {
    const destination = await job.destinationOf(ref);
    place = { ...names, destination: destination.name };
    const seen = options.verify === true ? undefined : job.state.get(ref);
    // A destination on this disk costs no request, so nothing has to be believed of it.
    const isFree = destination.store.repository === undefined;
    const trusted = seen !== undefined && (await stands(seen, destination, isFree, options)) ? seen : undefined;
    const immutable = job.isImmutable(ref) || isDigest(ref);
    if (trusted !== undefined && immutable) {
      return {
        ...place,
        action: "skip",
        status: "done",
        reason: "it is immutable and there",
        digest: trusted.destination,
      };
    }
    side = "source";
    const root = await job.resolve(ref, options.signal);
    if (trusted?.source === root.digest) {
      return {
        ...place,
        action: "skip",
        status: "done",
        reason: "the source has not changed",
        digest: trusted.destination,
      };
    }
    return () => bringing.copies(() => inLine(bringing.lines, keyOf(destination, root), () => copy(root, destination)));
  } catch (error) {
    return failed(error, side);
  }

  async function copy(root: Descriptor, destination: Destination): Promise<SyncedImage> {
    const { signal, dryRun, onTransfer } = options;
    if (bringing.run.ended !== undefined) throw bringing.run.ended.why;
    try {
      signal?.throwIfAborted();
      const plan = await job.plan(ref, root, destination, signal);
      const isThere = plan.destinations.every(({ changed }) => !changed) && plan.totals.uploaded.count === 0;
      const digest = plan.root.digest;
      const remember = (): Promise<void> =>
        job.state.put(ref, { source: root.digest, destination: digest, asked: Math.floor(nowOf(options) / 1000) });
      if (isThere) {
        if (dryRun !== true) await remember();
        return { ...place, action: "skip", status: "done", reason: "it is there", digest };
      }
      const before = job.state.get(ref);
      const reason = before === undefined ? "it is missing or another one" : "the source has changed";
      if (dryRun === true) return { ...place, action: "copy", status: "planned", reason, digest, totals: plan.totals };
      const exhausted = options.exhausted?.(job.source);
      if (exhausted !== undefined) {
        throw new GantryError("RATE_LIMITED", exhausted, {
          side: "source",
          hint: "Run the same sync again later: what is there already is remembered.",
        });
      }
      const report = await plan.apply({ signal, ...(onTransfer === undefined ? {} : { onEvent: onTransfer }) });
      await remember();
      return { ...place, action: "copy", status: "done", reason, digest, totals: report.totals };
    } catch (error) {
      return failed(error, undefined);
    }
  }

  function failed(error: unknown, at: Side | undefined): SyncedImage {
    options.signal?.throwIfAborted();
    if (!GantryError.is(error)) throw error;
    return {
      ...place,
      action: "copy",
      status: "failed",
      reason: error.message,
      error: error.with({ side: at, where: at === "destination" ? place.destination : place.source }),
    };
  }
}

/** Whether what was seen may be believed without asking, or is so by the word of a destination on this disk. */
async function stands(
  seen: SeenImage,
  { store, tag }: Destination,
  isFree: boolean,
  options: SyncOptions,
): Promise<boolean> {
  if (!isFree) return nowOf(options) / 1000 - seen.asked < (options.verifyAfter ?? VERIFY_AFTER);
  try {
    return (await store.resolve(tag ?? seen.destination, { signal: options.signal })).digest === seen.destination;
  } catch (error) {
    if (GantryError.is(error)) return false;
    throw error;
  }
}

const nowOf = ({ now = Date.now }: SyncOptions): number => now();

const keyOf = ({ store }: Destination, { digest }: Descriptor): string => `${store.location} ${digest}`;

/** One after the other for each key; a failure lets the next one try. */
async function inLine<T>(lines: Map<string, Promise<unknown>>, key: string, work: () => Promise<T>): Promise<T> {
  const before = lines.get(key) ?? Promise.resolve();
  const turn = before.then(work, work);
  lines.set(key, turn);
  try {
    return await turn;
  } finally {
    if (lines.get(key) === turn) lines.delete(key);
  }
}
