/**
 * The one of `candidates` that `wanted` was most likely meant to be, or undefined when none is near: what "Did you
 * mean …?" says. Near is at most one slip in three characters; a transposition is one slip.
 */
export function nearest(wanted: string, candidates: Iterable<string>): string | undefined {
  const asked = wanted.slice(0, MAX_COMPARED).toLowerCase();
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(asked.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - asked.length) >= fewest) continue;
    const slips = distance(asked, candidate.toLowerCase());
    if (slips < fewest) [best, fewest] = [candidate, slips];
  }
  return best;
}

/** Names longer than this are not typed by hand, and the distance is quadratic. */
const MAX_COMPARED = 128;

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
