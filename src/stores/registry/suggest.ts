import type { RepositoryApi } from "./connection.js";
import { readNames } from "./names.js";

/** How many names of one page are looked at, and shown. */
const MAX_LOOKED_AT = 1000;
const MAX_SHOWN = 5;

/**
 * A hint with the tags that are there, the likeliest first. Best effort and one request: whoever mistyped a name has an
 * error already, and a second one would hide it.
 */
export async function similarTags(
  api: RepositoryApi,
  wanted: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const tags: string[] = [];
  try {
    const response = await api.send({ method: "GET", to: "tags/list", query: { n: "100" }, signal });
    if (response.status !== 200) {
      await response.discard();
      return undefined;
    }
    for await (const tag of readNames(response.body, "tags")) {
      tags.push(tag);
      if (tags.length >= MAX_LOOKED_AT) break;
    }
    await response.discard();
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
  if (tags.length === 0) return undefined;
  const ranked = tags
    .map((tag) => ({ tag, distance: distance(tag.slice(0, 128), wanted) }))
    .sort((a, b) => a.distance - b.distance);
  const shown = ranked.slice(0, MAX_SHOWN).map(({ tag }) => tag);
  const nearest = ranked[0]!;
  const guess = nearest.distance <= Math.max(2, wanted.length / 3) ? ` Did you mean ${nearest.tag}?` : "";
  return `Tags there: ${shown.join(", ")}${tags.length > MAX_SHOWN ? ", …" : ""}.${guess}`;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
