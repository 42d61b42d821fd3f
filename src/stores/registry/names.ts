import { GantryError } from "../../errors.js";

/** A tag has 128 characters, a repository 255; what is longer is no name. */
const MAX_NAME = 1024;
/** How deep a list may nest what is not the list. */
const MAX_DEPTH = 32;

/**
 * The strings of one array in a JSON object (`{"name": …, "tags": [ … ]}`), one by one while the bytes arrive: a page of
 * two million tags takes no more memory than a page of ten (faults.md, T02). Names are checked by the caller.
 *
 * @throws GantryError REGISTRY_PROTOCOL when the bytes are not such an object, or end before it does
 */
export async function* readNames(
  source: AsyncIterable<Uint8Array>,
  key: string,
): AsyncGenerator<string, void, undefined> {
  const reader = new NameReader(key);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of source) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw malformed("it is not UTF-8", cause);
    }
    yield* reader.push(text);
  }
  reader.end();
}

/** A JSON scanner that keeps one string and one stack of brackets, never the document. */
class NameReader {
  readonly #key: string;
  /** `{` and `[` that are open; `L` is the array that is wanted. */
  readonly #open: ("{" | "[" | "L")[] = [];
  #started = false;
  #string: string | undefined;
  #escaped = false;
  /** The key that was read last at the top, until its value begins. */
  #topKey: string | undefined;
  /** At the top level: the next string is a key. */
  #expectKey = false;

  constructor(key: string) {
    this.#key = key;
  }

  *push(text: string): Generator<string, void, undefined> {
    for (let at = 0; at < text.length; at++) {
      if (this.#string !== undefined) {
        at = this.#continueString(text, at);
        if (at >= text.length) return;
        // `at` stands on the closing quote.
        const name = this.#closeString();
        if (name !== undefined) yield name;
      } else {
        this.#step(text[at]!);
      }
    }
  }

  end(): void {
    if (!this.#started || this.#open.length > 0 || this.#string !== undefined) throw malformed("it ends too early");
  }

  /** Takes characters up to the quote that ends the string, or all. */
  #continueString(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const character = text[at]!;
      if (this.#escaped) this.#escaped = false;
      else if (character === "\\") this.#escaped = true;
      else if (character === '"') {
        this.#keep(text.slice(from, at));
        return at;
      }
    }
    this.#keep(text.slice(from));
    return text.length;
  }

  #keep(part: string): void {
    this.#string += part;
    if (this.#string!.length > MAX_NAME * 6) {
      // A long value elsewhere (a description) is none of ours and is dropped; a name of that length is an error.
      if (this.#open.at(-1) === "L") throw malformed("a name in it is too long");
      this.#string = this.#string!.slice(0, MAX_NAME);
    }
  }

  #closeString(): string | undefined {
    const raw = this.#string!;
    this.#string = undefined;
    if (this.#open.at(-1) === "L") return unquote(raw);
    if (this.#open.length === 1 && this.#expectKey) {
      this.#topKey = raw;
      this.#expectKey = false;
    }
    return undefined;
  }

  #step(character: string): void {
    if (character === " " || character === "\n" || character === "\r" || character === "\t") return;
    if (!this.#started) {
      if (character !== "{") throw malformed("it is not a JSON object");
      this.#started = true;
      this.#enter("{");
      return;
    }
    const inside = this.#open.at(-1);
    if (inside === undefined) throw malformed("something follows it");
    switch (character) {
      case '"':
        this.#string = "";
        return;
      case "{":
        if (inside === "L") throw malformed("an entry is not a string");
        this.#enter("{");
        return;
      case "[":
        if (inside === "L") throw malformed("an entry is not a string");
        this.#enter(this.#open.length === 1 && this.#topKey === this.#key ? "L" : "[");
        return;
      case "}":
      case "]":
        if ((character === "}") !== (inside === "{")) throw malformed("its brackets do not match");
        this.#open.pop();
        return;
      case ",":
        if (this.#open.length === 1) this.#expectKey = true;
        return;
      case ":":
        return;
      default:
        // A number, true, false or null. `"tags": null` is an empty list; inside the list it is not a name.
        if (inside === "L") throw malformed("an entry is not a string");
    }
  }

  #enter(bracket: "{" | "[" | "L"): void {
    if (this.#open.length >= MAX_DEPTH) throw malformed("it nests too deeply");
    this.#open.push(bracket);
    this.#expectKey = this.#open.length === 1;
  }
}

function unquote(raw: string): string {
  if (raw.length > MAX_NAME * 6) throw malformed("a name in it is too long");
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch (cause) {
    throw malformed("a name in it is not a JSON string", cause);
  }
}

function malformed(why: string, cause?: unknown): GantryError {
  return new GantryError("REGISTRY_PROTOCOL", `the registry's list is malformed: ${why}`, { cause });
}
