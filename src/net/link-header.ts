/** One link of a Link header. */
export interface Link {
  /** As it is written: relative to what was asked, more often than not. */
  readonly target: string;
  /** The relations, in lower case. */
  readonly rel: readonly string[];
}

/**
 * Reads a Link header (RFC 8288 section 3) in one pass, whatever is sent: several links, quoted parameters with
 * commas and semicolons in them. What is malformed is skipped; a link without `rel` has no relations.
 */
export function parseLinks(header: string): Link[] {
  const links: Link[] = [];
  let at = 0;
  while (at < header.length) {
    const open = header.indexOf("<", at);
    const close = open < 0 ? -1 : header.indexOf(">", open);
    if (close < 0) return links;
    const target = header.slice(open + 1, close).trim();
    at = close + 1;
    const rel = new Set<string>();
    let first = true;
    for (;;) {
      skip(" \t");
      if (header[at] !== ";") break;
      at += 1;
      skip(" \t");
      const name = until("=;,").trim().toLowerCase();
      if (header[at] !== "=") continue;
      at += 1;
      skip(" \t");
      const value = header[at] === '"' ? quoted() : until(";,").trim();
      // The first rel counts (section 3.3).
      if (name === "rel" && first) {
        first = false;
        for (const word of value.split(/[ \t]/)) if (word !== "") rel.add(word.toLowerCase());
      }
    }
    links.push({ target, rel: [...rel] });
    until(",");
  }
  return links;

  function skip(characters: string): void {
    while (at < header.length && characters.includes(header[at]!)) at += 1;
  }

  function until(stops: string): string {
    const start = at;
    while (at < header.length && !stops.includes(header[at]!)) at += 1;
    return header.slice(start, at);
  }

  function quoted(): string {
    let value = "";
    at += 1;
    while (at < header.length && header[at] !== '"') {
      if (header[at] === "\\" && at + 1 < header.length) at += 1;
      value += header[at];
      at += 1;
    }
    at += 1;
    return value;
  }
}

/** Where the next page is, resolved against the page that says so; undefined on the last one, and for what is no URL. */
export function nextPage(header: string | undefined, page: URL): URL | undefined {
  const next = parseLinks(header ?? "").find(({ rel }) => rel.includes("next"));
  return next !== undefined && URL.canParse(next.target, page.href) ? new URL(next.target, page) : undefined;
}
