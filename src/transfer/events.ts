import type { Placement } from "../content/index.js";
import type { Descriptor } from "../spec/index.js";

/** What happens while a plan is made and applied, in order, for progress displays and logs. */
export type TransferEvent =
  /** Planning asks what is there; `known` of the graph's nodes so far. */
  | { readonly type: "planning"; readonly known: number }
  /** Applying begins; the bytes are those that may have to be sent. */
  | { readonly type: "start"; readonly blobs: number; readonly bytes: number }
  | { readonly type: "blob-start"; readonly destination: string; readonly descriptor: Descriptor }
  /** Bytes accepted by the destination; negative when some have to be sent again. */
  | { readonly type: "bytes"; readonly destination: string; readonly descriptor: Descriptor; readonly count: number }
  | {
      readonly type: "blob-done";
      readonly destination: string;
      readonly descriptor: Descriptor;
      readonly placement: Placement;
    }
  | { readonly type: "manifest-done"; readonly destination: string; readonly descriptor: Descriptor }
  /** Something that belongs to the image is left out, because it cannot be had. */
  | { readonly type: "warning"; readonly message: string }
  | { readonly type: "tagged"; readonly destination: string; readonly name: string; readonly descriptor: Descriptor }
  /**
   * Something failed and is tried again. The destination is the place that it failed at: a registry's host, which may
   * be the source's, or a store. The pause before it is in milliseconds.
   */
  | { readonly type: "retry"; readonly destination: string; readonly reason: string; readonly delay?: number };

/** Takes events; must not throw. */
export type EventListener = (event: TransferEvent) => void;
