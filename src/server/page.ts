import { opendir } from "node:fs/promises";
import { isMissing } from "./durable-files.js";

/** A part of a sorted list. */
export interface Page {
  readonly names: readonly string[];
  /** Whether names follow after the last one here. */
  readonly more: boolean;
}

/** The most names that one answer carries, whatever `n` asks for (CVE-2023-2253: `n` was allocated as asked). */
export const MAX_PAGE = 10_000;

/**
 * The first `limit` names after `after`, in ASCII order. Holds a few times `limit` names at once, however many there
 * are.
 */
export async function pageOf(names: AsyncIterable<string>, limit: number, after = ""): Promise<Page> {
  let kept: string[] = [];
  // Names at or beyond this bound cannot be on the page any more.
  let bound: string | undefined;
  let more = false;
  for await (const name of names) {
    if (name <= after && after !== "") continue;
    if (bound !== undefined && name > bound) {
      more = true;
      continue;
    }
    kept.push(name);
    if (kept.length > 2 * limit + 1024) {
      more = true;
      kept = kept.sort(ascii).slice(0, limit);
      bound = kept.at(-1);
    }
  }
  kept.sort(ascii);
  return { names: kept.slice(0, limit), more: more || kept.length > limit };
}

/** The names in a folder as they come; none when the folder is not there. */
export async function* namesIn(folder: string): AsyncGenerator<string, void, undefined> {
  try {
    for await (const entry of await opendir(folder, { bufferSize: 256 })) yield entry.name;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function ascii(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
