import type { GantryError } from "../errors.js";
import type { Digest } from "../spec/index.js";
import type { Count, Totals } from "../transfer/index.js";

/** What became of one image. */
export interface SyncedImage {
  /** The source's name in full; of a tag that left the source, the name that it had. */
  readonly source: string;
  readonly destination: string;
  readonly action: "copy" | "skip" | "delete";
  readonly status: "planned" | "done" | "failed";
  /** Why that is done. */
  readonly reason: string;
  /** What the destination's name points at, or would. */
  readonly digest?: Digest;
  /** What was, or would be, moved for it. */
  readonly totals?: Totals;
  readonly error?: GantryError;
}

/** Something that went wrong: an image, or a whole repository that could not be listed. */
export interface SyncFailure {
  readonly source: string;
  readonly destination?: string;
  readonly error: GantryError;
}

/** Numbers of a whole sync. */
export interface SyncTotals extends Totals {
  readonly images: number;
  readonly copied: number;
  readonly skipped: number;
  readonly deleted: number;
  readonly failed: number;
}

/** What a sync did, or would do. */
export interface SyncReport {
  readonly images: readonly SyncedImage[];
  readonly totals: SyncTotals;
  readonly failures: readonly SyncFailure[];
  readonly seconds: number;
}

/** Adds images and failures up. */
export function reportSync(
  images: readonly SyncedImage[],
  listings: readonly SyncFailure[],
  seconds: number,
): SyncReport {
  const moved = (key: keyof Totals): Count => {
    let [count, bytes] = [0, 0];
    for (const { totals } of images) {
      count += totals?.[key].count ?? 0;
      bytes += totals?.[key].bytes ?? 0;
    }
    return { count, bytes };
  };
  const number = (action: SyncedImage["action"]): number =>
    images.filter((image) => image.action === action && image.status !== "failed").length;
  const failures = [
    ...listings,
    ...images.flatMap(({ source, destination, error }) =>
      error === undefined ? [] : [{ source, destination, error }],
    ),
  ];
  return {
    images,
    totals: {
      images: images.length,
      copied: number("copy"),
      skipped: number("skip"),
      deleted: number("delete"),
      failed: failures.length,
      uploaded: moved("uploaded"),
      mounted: moved("mounted"),
      present: moved("present"),
    },
    failures,
    seconds,
  };
}
