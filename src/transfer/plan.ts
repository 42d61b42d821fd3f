import type { Placement, Store } from "../content/index.js";
import type { GantryError } from "../errors.js";
import type { Descriptor, Digest } from "../spec/index.js";
import type { EventListener } from "./events.js";

/** One name that content is to be published under. */
export interface Destination {
  readonly store: Store;
  /** The name inside the store: a tag, a layout's reference name. Undefined: the content is put by its digest alone. */
  readonly tag?: string;
  /** The name in full, for people and reports. */
  readonly name: string;
}

/** What a step does. "skip": the content is there already. */
export type Action = "upload" | "mount" | "skip" | "put" | "tag";

/** One act of a plan, at one store. */
export interface Step {
  readonly action: Action;
  /** The store's location; for a tag the name in full. */
  readonly destination: string;
  readonly descriptor: Descriptor;
  /** Bytes that the step would send. */
  readonly bytes: number;
  readonly reason: string;
  /** Of what is attached to the image, such as a signature: the digest that it is attached to. */
  readonly attachedTo?: Digest;
  /** How it went, once applied. */
  readonly placement?: Placement;
}

/** A number of blobs and documents and their bytes. */
export interface Count {
  readonly count: number;
  readonly bytes: number;
}

/** What a transfer moves, or has moved. */
export interface Totals {
  readonly uploaded: Count;
  readonly mounted: Count;
  readonly present: Count;
}

/** How one destination fared. */
export interface DestinationReport {
  readonly name: string;
  readonly digest: Digest;
  readonly status: "planned" | "done" | "failed";
  /** False when the name pointed there already and nothing was, or would be, written. */
  readonly changed: boolean;
  /** Why it failed. */
  readonly error?: GantryError;
  /** What became of a name when another one could not be moved. */
  readonly note?: string;
}

/** What a plan would do, or what was done: the object behind `--json`. */
export interface Report {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly destinations: readonly DestinationReport[];
  readonly totals: Totals;
  readonly steps: readonly Step[];
  readonly seconds: number;
}

/** Options of {@link Plan.apply}. */
export interface ApplyOptions {
  readonly onEvent?: EventListener;
  readonly signal?: AbortSignal | undefined;
}

/** A write before it is an act. Making one asks the destinations what they hold and changes nothing. */
export interface Plan {
  readonly root: Descriptor;
  readonly steps: readonly Step[];
  readonly totals: Totals;
  readonly destinations: readonly DestinationReport[];
  /**
   * Does it: content first, everywhere; names last.
   *
   * @throws TransferFailed with the error of the destination, or source, that failed first, and the report of all of
   *   them. No name was moved unless all content was everywhere, and names that were moved have been put back
   */
  apply(options?: ApplyOptions): Promise<Report>;
  /** The report of a plan that was not applied. */
  report(): Report;
}
