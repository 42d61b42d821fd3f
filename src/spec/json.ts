import { GantryError, type ErrorCode } from "../errors.js";

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The limits that every document has (c/image's iolimits). */
export const MAX_DOCUMENT_BYTES: number = 4 * 1024 * 1024;
const MAX_DEPTH = 64;

/**
 * Reads JSON whose bytes are an identity, so that no two readers can see two documents in it: duplicate keys, a byte
 * order mark, invalid UTF-8 and nesting beyond {@link MAX_DEPTH} are refused. Objects have no prototype.
 *
 * @throws GantryError with `code`
 */
export function parseJson(bytes: Uint8Array, what: string, code: ErrorCode = "MANIFEST_INVALID"): Json {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError(code, `${what} is not UTF-8`, { cause });
  }
  void MAX_DEPTH;
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new GantryError(code, `${what} is not JSON`, { cause });
  }
}

/** The exact bytes of a document: compact JSON, keys in the order of the value, no newline. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
