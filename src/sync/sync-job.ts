import type { Store } from "../content/index.js";
import type { Descriptor } from "../spec/index.js";
import type { Destination, EventListener, Plan } from "../transfer/index.js";
import type { SyncedImage, SyncFailure } from "./sync-report.js";
import type { SyncState } from "./sync-state.js";

/** The names of a source. */
export interface Listed {
  readonly all: readonly string[];
  /** True when these are all that the source has, so that what is not among them has left it. */
  readonly complete: boolean;
}

/** A destination's repository, as far as removing from it goes. */
export interface RemovalPlace {
  readonly store: Store;
  /** The name of the source that a tag there was made from; undefined for a tag that no source's name makes. */
  readonly refOf: (tag: string) => string | undefined;
  readonly nameOf: (tag: string) => string;
}

/** One repository to keep equal somewhere else. */
export interface SyncJob {
  /** The source in full, without a tag. */
  readonly source: string;
  /** The destination in full, without a tag: what jobs with one destination have in common. */
  readonly destination: string;
  /** What a name points at, asked by one HEAD where that is possible. */
  resolve(ref: string, signal: AbortSignal | undefined): Promise<Descriptor>;
  list(signal: AbortSignal | undefined): Promise<Listed>;
  /** Those that are meant. */
  select(refs: readonly string[]): readonly string[];
  /** Whether a name is among those that may be removed. */
  matches(ref: string): boolean;
  isImmutable(ref: string): boolean;
  /** The full names of an image on both sides. */
  nameOf(ref: string): string;
  /** The name of an image inside its destination's store. */
  tagOf(ref: string): string;
  destinationOf(ref: string): Promise<Destination>;
  /** Plans to bring an image whose name was resolved. */
  plan(ref: string, root: Descriptor, destination: Destination, signal: AbortSignal | undefined): Promise<Plan>;
  readonly delete: boolean;
  removal(): Promise<RemovalPlace>;
  readonly state: SyncState;
}

/** What happens while a sync runs. */
export type SyncEvent =
  | { readonly type: "listed"; readonly source: string; readonly images: number }
  | { readonly type: "image"; readonly image: SyncedImage }
  | { readonly type: "failed"; readonly failure: SyncFailure };

/** Options of `runSync`. */
export interface SyncOptions {
  /** Images that are brought at once. */
  readonly concurrency?: number | undefined;
  readonly dryRun?: boolean | undefined;
  /** Ask every destination, whatever is remembered of it. */
  readonly verify?: boolean | undefined;
  /** A destination that was not asked for so many seconds is asked again. */
  readonly verifyAfter?: number | undefined;
  /** Remove what left a source even where it has nothing left at all. */
  readonly deleteAll?: boolean | undefined;
  readonly failFast?: boolean | undefined;
  /** Why nothing should be read from a source any more: its quota is used up. */
  readonly exhausted?: ((source: string) => string | undefined) | undefined;
  readonly onEvent?: ((event: SyncEvent) => void) | undefined;
  readonly onTransfer?: EventListener | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  readonly signal?: AbortSignal | undefined;
}
