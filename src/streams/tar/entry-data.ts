import { GantryError } from "../../errors.js";
import type { ByteReader } from "./byte-reader.js";
import { invalidTar, shown } from "./invalid.js";
import type { SparseMap } from "./sparse.js";

const HOLE = 256 * 1024;

/** The stored bytes of one entry: read by whoever wants them, the rest left out when the next entry is asked for. */
export class EntryData {
  readonly #reader: ByteReader;
  readonly #padding: number;
  #left: number;
  #over = false;

  constructor(reader: ByteReader, length: number, padding: number) {
    this.#reader = reader;
    this.#left = length;
    this.#padding = padding;
  }

  /** The content. `name` is for messages. */
  async *read(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      if (this.#over)
        throw new GantryError("INTERNAL", `the content of ${shown(name)} was asked for after the next entry`);
      if (this.#left === 0) return;
      const piece = this.#reader.tryNext(this.#left) ?? (await this.#reader.next(this.#left));
      if (piece === undefined) throw invalidTar(`it ends within ${shown(name)}`, this.#reader.offset, name);
      this.#left -= piece.byteLength;
      yield piece;
    }
  }

  /** The content with zeros where the map leaves holes. */
  async *expand(name: string, map: SparseMap, size: number): AsyncGenerator<Uint8Array, void, undefined> {
    const stored = this.read(name)[Symbol.asyncIterator]();
    let piece: Uint8Array = new Uint8Array(0);
    let position = 0;
    for (let i = 0; i <= map.length; i += 2) {
      const start = map[i] ?? size;
      while (position < start) {
        const zeros = new Uint8Array(Math.min(HOLE, start - position));
        position += zeros.byteLength;
        yield zeros;
      }
      let left = map[i + 1] ?? 0;
      while (left > 0) {
        if (piece.byteLength === 0) {
          const step = await stored.next();
          if (step.done === true) throw invalidTar(`a sparse map does not fit ${shown(name)}`, undefined, name);
          piece = step.value;
        }
        const part = piece.subarray(0, left);
        piece = piece.subarray(part.byteLength);
        left -= part.byteLength;
        position += part.byteLength;
        yield part;
      }
    }
  }

  /** Goes to the next header. The last entry of an archive may lack its padding, as Go's reader allows. */
  async finish(name: string): Promise<void> {
    this.#over = true;
    const left = this.#left;
    this.#left = 0;
    if (this.#reader.trySkip(left + this.#padding)) return;
    if ((await this.#reader.skip(left)) < left)
      throw invalidTar(`it ends within ${shown(name)}`, this.#reader.offset, name);
    await this.#reader.skip(this.#padding);
  }
}
