import type { Digest } from "../spec/index.js";
import type { Exchange } from "./exchange.js";
import { Refusal } from "./refusal.js";

/** The entity tag of content: its digest, which is what an entity tag wants to be. */
export const etagOf = (digest: Digest): string => `"${digest}"`;

/** True when the client has this already: `If-None-Match` on a read (RFC 9110, 13.1.2). */
export function isFresh(exchange: Exchange, digest: Digest): boolean {
  const header = exchange.header("if-none-match");
  return header !== undefined && names(header, digest);
}

/**
 * Checks `If-Match` and `If-None-Match` of a write against what is there, which makes a compare-and-swap of a tag.
 *
 * @param current what the name points at; undefined when it does not exist
 * @throws Refusal 412
 */
export function checkPreconditions(exchange: Exchange, current: Digest | undefined): void {
  const ifMatch = exchange.header("if-match");
  const ifNoneMatch = exchange.header("if-none-match");
  const headers: Record<string, string> = current === undefined ? {} : { etag: etagOf(current) };
  if (ifMatch !== undefined && (current === undefined || !names(ifMatch, current)))
    throw new Refusal(412, "PRECONDITION_FAILED", `it points at ${current ?? "nothing"} now`, headers);
  if (ifNoneMatch !== undefined && current !== undefined && names(ifNoneMatch, current))
    throw new Refusal(412, "PRECONDITION_FAILED", `it exists already, as ${current}`, headers);
}

function names(header: string, digest: Digest): boolean {
  return header.split(",").some((part) => {
    const tag = part.trim().replace(/^W\//, "");
    return tag === "*" || tag === etagOf(digest);
  });
}
