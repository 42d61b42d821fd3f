import { type ErrorCode, GantryError } from "../errors.js";

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** The limits that every document has (c/image's iolimits). */
export const MAX_DOCUMENT_BYTES: number = 4 * 1024 * 1024;

/** Documents nest five levels. A limit, so that a million brackets are an answer and not a full call stack. */
const MAX_DEPTH = 64;

/**
 * Reads JSON whose bytes are an identity, so that no two readers can see two documents in it: duplicate keys (after
 * their escapes are decoded: Go's last one wins, other readers' first), a byte order mark, invalid UTF-8, half a
 * surrogate pair (Go reads U+FFFD) and nesting beyond 64 levels are refused, besides all that is not JSON (RFC 8259).
 * Objects have no prototype: the keys `__proto__` and `constructor` are keys like others.
 *
 * @throws GantryError with `code`; TOO_LARGE before anything is decoded
 */
export function parseJson(
  bytes: Uint8Array,
  what: string,
  code: ErrorCode = "MANIFEST_INVALID",
  maxBytes: number = MAX_DOCUMENT_BYTES,
): Json {
  if (bytes.byteLength > maxBytes) {
    throw new GantryError("TOO_LARGE", `${what} is larger than ${maxBytes} bytes`, {
      facts: { size: bytes.byteLength, limit: maxBytes },
    });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError(code, `${what} is not UTF-8`, { cause });
  }
  return new Reader(text, (why, at) => new GantryError(code, `${what} ${why} (${position(text, at)})`)).document();
}

/** The exact bytes of a document: compact JSON, keys in the order of the value, no newline. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const HALF_PAIR = /\p{Surrogate}/u;
const LITERALS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** Recursive descent: JSON.parse cannot be asked for duplicate keys, and a second pass over the text would cost as much. */
class Reader {
  readonly #text: string;
  readonly #refuse: (why: string, at: number) => GantryError;
  #at = 0;

  constructor(text: string, refuse: (why: string, at: number) => GantryError) {
    this.#text = text;
    this.#refuse = refuse;
  }

  document(): Json {
    if (this.#text.startsWith("\uFEFF")) throw this.#refuse("starts with a byte order mark", 0);
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#refuse("goes on after its end", this.#at);
    return value;
  }

  #value(depth: number): Json {
    this.#space();
    const first = this.#text[this.#at];
    if (first === '"') return this.#string();
    if (first === "{" || first === "[") {
      if (depth >= MAX_DEPTH) throw this.#refuse(`nests deeper than ${MAX_DEPTH} levels`, this.#at);
      this.#at += 1;
      return first === "{" ? this.#object(depth) : this.#array(depth);
    }
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#at)) continue;
      this.#at += word.length;
      return value;
    }
    NUMBER.lastIndex = this.#at;
    const number = NUMBER.exec(this.#text)?.[0];
    if (number === undefined) throw this.#unexpected();
    // 1e999 would come back from an edit as null.
    if (!Number.isFinite(Number(number))) throw this.#refuse("has a number out of range", this.#at);
    this.#at += number.length;
    return Number(number);
  }

  #object(depth: number): Json {
    const object = Object.create(null) as Record<string, Json>;
    if (this.#skips("}")) return object;
    do {
      this.#space();
      const start = this.#at;
      if (this.#text[start] !== '"') throw this.#unexpected();
      const key = this.#string();
      if (key in object) throw this.#refuse(`has the key ${JSON.stringify(key.slice(0, 80))} twice`, start);
      if (!this.#skips(":")) throw this.#unexpected();
      object[key] = this.#value(depth + 1);
    } while (this.#skips(","));
    if (!this.#skips("}")) throw this.#unexpected();
    return object;
  }

  #array(depth: number): Json {
    const array: Json[] = [];
    if (this.#skips("]")) return array;
    do array.push(this.#value(depth + 1));
    while (this.#skips(","));
    if (!this.#skips("]")) throw this.#unexpected();
    return array;
  }

  #string(): string {
    const start = this.#at;
    let end = start + 1;
    let escaped = false;
    for (;;) {
      PLAIN.lastIndex = end;
      end += PLAIN.exec(this.#text)![0].length;
      const stop = this.#text[end];
      if (stop === '"') break;
      if (stop !== "\\")
        throw this.#refuse(stop === undefined ? "ends within a string" : "has a bare control character", end);
      escaped = true;
      end = Math.min(end + 2, this.#text.length);
    }
    this.#at = end + 1;
    if (!escaped) return this.#text.slice(start + 1, end);
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, end + 1)) as string;
    } catch {
      throw this.#refuse("has an escape that JSON does not know", start);
    }
    if (HALF_PAIR.test(value)) throw this.#refuse("has half a surrogate pair", start);
    return value;
  }

  #skips(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #unexpected(): GantryError {
    const found = this.#text[this.#at];
    return this.#refuse(found === undefined ? "ends too early" : `is not JSON at ${JSON.stringify(found)}`, this.#at);
  }
}

/** `line 3, column 14`, as an editor counts. */
function position(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return `line ${line}, column ${at - before.lastIndexOf("\n")}`;
}
