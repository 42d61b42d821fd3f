/**
 * True when `text` matches a pattern of literal characters, `*` (any number) and `?` (one). Takes time in proportion to
 * both lengths multiplied, whatever the pattern.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === "*") [star, mark, p] = [p, t, p + 1];
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star === -1) return false;
    else {
      mark += 1;
      [p, t] = [star + 1, mark];
    }
  }
  while (pattern[p] === "*") p += 1;
  return p === pattern.length;
}
