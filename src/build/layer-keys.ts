import { createHash } from "node:crypto";
import type { Digest } from "../spec/index.js";
import type { FileEntry } from "./file-entry.js";
import type { LayerCompression } from "./plan.js";

/** The names under which a layer is remembered. */
export interface LayerKeys {
  /** The entries and the stamps of their files: the same key means that nothing was touched, so nothing has to be read. */
  readonly stamps: string;
  /** The entries without stamps: a layer of this shape was built before, so its content is worth hashing first. */
  readonly shape: string;
  /** The content itself. */
  content(diffId: Digest): string;
}

/** Raised whenever the same entries would give other bytes than before: in the tar, or out of a codec. */
const FORMAT = 1;

/** Computes the keys of a layer. No path of this machine goes in: a checkout that moved is the same checkout. */
export function layerKeys(entries: readonly FileEntry[], compression: LayerCompression): LayerKeys {
  const codec = `${FORMAT} ${compression.type} ${compression.level ?? "default"}`;
  const stamps = createHash("sha256").update(codec);
  const shape = createHash("sha256").update(codec);
  for (const entry of entries) {
    const head: unknown[] = [entry.path, entry.type, entry.mode, entry.uid, entry.gid, entry.mtime.seconds];
    if (entry.type === "symlink") head.push(entry.target);
    if (entry.type === "file") head.push(entry.stamp.size);
    const line = JSON.stringify(head);
    shape.update(line);
    stamps.update(line);
    if (entry.type === "file") {
      const { mtimeNs, ctimeNs, ino, dev } = entry.stamp;
      stamps.update(`${mtimeNs} ${ctimeNs} ${ino} ${dev}`);
    }
  }
  return {
    stamps: `stamps ${stamps.digest("hex")}`,
    shape: `shape ${shape.digest("hex")}`,
    content: (diffId) => `content ${codec} ${diffId}`,
  };
}

/**
 * Whether stamps taken at `listedAt` (milliseconds) can be trusted later. A file that changed in the very tick of the
 * clock in which it was listed can change again without a new time: git calls that racy. Kernels tick every 1 to 10 ms;
 * file systems that keep whole seconds only (FAT, some network ones) every 2 s.
 */
export function stampsAreSafe(entries: readonly FileEntry[], listedAt: number): boolean {
  return entries.every((entry) => {
    if (entry.type !== "file") return true;
    const { mtimeNs, ctimeNs } = entry.stamp;
    const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
    const coarse = ctimeNs % 1_000_000_000n === 0n;
    return Number(newest / 1_000_000n) < listedAt - (coarse ? COARSE_TICK : TICK);
  });
}

const TICK = 20;
const COARSE_TICK = 2000;
