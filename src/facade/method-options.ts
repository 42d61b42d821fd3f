import type { Descriptor } from "../spec/index.js";
import type { AttachedChoice, EventListener } from "../transfer/index.js";

/** What every method takes. */
export interface MethodOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of methods that read one image. */
export interface ReadOptions extends MethodOptions {
  /** `linux/arm64`: that image of an index. */
  readonly platform?: string;
}

/** Options of methods that move images. */
export interface MoveOptions extends MethodOptions {
  /** Only these; one gives its image, several an index of them with their attestations. */
  readonly platforms?: readonly string[];
  /** With `platforms`: the index keeps its bytes, and the content of other platforms is not copied. */
  readonly sparse?: boolean;
  /** Which signatures, attestations, SBOMs and other referrers come along. Default "auto": all, see {@link AttachedChoice}. */
  readonly attached?: AttachedChoice;
  /** Put names back that were moved when another one could not be. Default true. */
  readonly rollback?: boolean;
  readonly onEvent?: EventListener;
}

/** A name, resolved. */
export interface Resolved {
  /** The name in full. */
  readonly name: string;
  readonly descriptor: Descriptor;
}

/** An image of gantry's own store. */
export interface StoredImage extends Resolved {
  readonly platforms: readonly string[];
  /** Bytes of all its content, each blob once. */
  readonly size: number;
}
