/** Part of a content of known length. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/**
 * Reads `Range: bytes=…` against a length (RFC 9110, 14.1.2). Several ranges, and what is no byte range, ask for
 * everything: undefined. A range that lies outside, or ends before it starts, cannot be satisfied.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | "unsatisfiable" | undefined {
  const match = header === undefined ? null : /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header);
  if (match === null) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, length };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  // RFC 9110 calls `500-0` malformed and to be ignored; the conformance suite wants it refused, and nobody means it.
  return start >= size || end < start ? "unsatisfiable" : { start, length: end - start + 1 };
}

/** Reads the `Content-Range` of a chunk: distribution-spec's `START-END`, or HTTP's `bytes START-END/SIZE`. */
export function parseContentRange(header: string): { start: number; end: number } | undefined {
  const match = /^(?:bytes[ =])?\s*(\d{1,15})-(\d{1,15})(?:\/(?:\d{1,15}|\*))?$/.exec(header.trim());
  if (match === null) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  // A chunk of no bytes has no range; some clients write 0--1 or 0-0 with no body, which the length check tells apart.
  return end < start ? undefined : { start, end };
}
