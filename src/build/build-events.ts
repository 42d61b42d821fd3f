import type { Descriptor } from "../spec/index.js";

/** What a build tells while it works. Numbers are for progress only. */
export type BuildEvent =
  | { readonly type: "image-started"; readonly image: string }
  /** A layer's sources were listed: how much there would be to read. */
  | {
      readonly type: "layer-started";
      readonly image: string;
      readonly layer: string;
      readonly files: number;
      readonly bytes: number;
    }
  /** Content of sources was read. */
  | { readonly type: "bytes"; readonly image: string; readonly layer: string; readonly bytes: number }
  | {
      readonly type: "layer-done";
      readonly image: string;
      readonly layer: string;
      readonly how: "unchanged" | "same" | "built" | "shared";
      readonly descriptor: Descriptor;
    }
  | { readonly type: "image-done"; readonly image: string; readonly root: Descriptor }
  | { readonly type: "warning"; readonly image: string; readonly message: string };
