import { GantryError } from "../../errors.js";
import type { Body } from "../body.js";
import type { TarInput } from "./entry.js";
import { paddingOf } from "./header.js";
import { shown } from "./invalid.js";
import { inputHeader } from "./input-header.js";

/** Options of {@link writeTar}. */
export interface WriteTarOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Small things are gathered in pieces of this size; */
const GATHER = 128 * 1024;
/** what is larger than this goes on as it is, uncopied. */
const COPY_BELOW = 16 * 1024;
/** Two blocks of zeros end an archive. GNU's padding to 10 KiB means nothing off a tape. */
const END = 1024;

/**
 * Writes a tar archive. The same entries give the same bytes: ustar where an entry fits, PAX where it does not, with
 * sorted records and nothing of this process, machine or moment in them (dotnet/runtime#55689). Never GNU's format,
 * no times but mtime, no sparse files. Entries are written in the order given, under the names given; a directory's gets its
 * slash.
 *
 * @throws GantryError SOURCE_CHANGED when a body has more or fewer bytes than it said, USAGE for what tar cannot hold
 */
export async function* writeTar(
  entries: AsyncIterable<TarInput> | Iterable<TarInput>,
  options: WriteTarOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const gathered = new Gathered();
  for await (const input of entries) {
    options.signal?.throwIfAborted();
    const size = contentSize(input);
    for (const part of inputHeader(input, size)) {
      const full = gathered.add(part);
      if (full !== undefined) yield full;
    }
    if (size === 0 && input.body === undefined) continue;
    let left = size;
    for await (const chunk of contentOf(input.body, options.signal)) {
      left -= chunk.byteLength;
      if (left < 0) throw changed(input, size, `more than ${size}`);
      if (chunk.byteLength < COPY_BELOW) {
        const full = gathered.add(chunk);
        if (full !== undefined) yield full;
      } else {
        const before = gathered.take();
        if (before !== undefined) yield before;
        yield chunk;
      }
    }
    if (left > 0) throw changed(input, size, `only ${size - left}`);
    const full = gathered.addZeros(paddingOf(size));
    if (full !== undefined) yield full;
  }
  const full = gathered.addZeros(END);
  if (full !== undefined) yield full;
  const last = gathered.take();
  if (last !== undefined) yield last;
}

/** Puts small pieces together. Every piece is smaller than the room there is. */
class Gathered {
  #room: Uint8Array = new Uint8Array(GATHER);
  #from = 0;
  #to = 0;

  /** Takes a piece in; answers what was there before when it did not fit behind it. */
  add(piece: Uint8Array): Uint8Array | undefined {
    // A PAX header with large attributes.
    if (piece.byteLength > GATHER) {
      const both = new Uint8Array(this.#to - this.#from + piece.byteLength);
      both.set(this.#room.subarray(this.#from, this.#to));
      both.set(piece, this.#to - this.#from);
      this.#from = this.#to;
      return both;
    }
    const full = this.#makeRoom(piece.byteLength);
    this.#room.set(piece, this.#to);
    this.#to += piece.byteLength;
    return full;
  }

  addZeros(length: number): Uint8Array | undefined {
    const full = this.#makeRoom(length);
    this.#to += length;
    return full;
  }

  /** What is there. Its memory is not written to again. */
  take(): Uint8Array | undefined {
    if (this.#from === this.#to) return undefined;
    const bytes = this.#room.subarray(this.#from, this.#to);
    this.#from = this.#to;
    return bytes;
  }

  #makeRoom(length: number): Uint8Array | undefined {
    if (this.#to + length <= this.#room.byteLength) return undefined;
    const full = this.take();
    this.#room = new Uint8Array(GATHER);
    this.#from = 0;
    this.#to = 0;
    return full;
  }
}

function contentSize(input: TarInput): number {
  if (input.type !== "file" && input.type !== "contiguous") return 0;
  const size =
    input.body !== undefined && "open" in input.body
      ? (input.body.size ?? input.size)
      : (input.size ?? (input.body === undefined ? 0 : undefined));
  if (size === undefined || !Number.isSafeInteger(size) || size < 0)
    throw new GantryError(
      "USAGE",
      `the size of ${shown(input.name)} has to be known before it is written to a tar archive`,
    );
  return size;
}

function contentOf(
  body: TarInput["body"],
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
  if (body === undefined) return [];
  return isBody(body) ? body.open({ signal }) : body;
}

const isBody = (body: Body | AsyncIterable<Uint8Array>): body is Body => "open" in body;

function changed(input: TarInput, size: number, got: string): GantryError {
  return new GantryError(
    "SOURCE_CHANGED",
    `${shown(input.name)} changed while it was read: it has ${got} bytes now where it had ${size}`,
    {
      hint: "Nothing was published; run it again when nobody writes to the file.",
      facts: { path: input.name, size },
    },
  );
}
