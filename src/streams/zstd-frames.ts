import { GantryError } from "../errors.js";

/** The largest window that is decoded: what zstd itself allows without being asked, 128 MiB of memory. */
const MAX_WINDOW = 2 ** 27;
/** Magic, descriptor, window, dictionary id and content size (RFC 8878, 3.1.1.1). */
const MAX_HEADER = 18;

/** A piece of a frame's bytes. */
export interface FramePiece {
  readonly bytes: Uint8Array;
  /** True for the last piece of its frame. */
  readonly last: boolean;
}

/**
 * Cuts a zstd stream where its frames end, leaves skippable frames out, and refuses what is no frame or ends in the
 * middle of one. node:zlib of 22 and 24 drops what follows the first frame in a write without a word, and neither it nor
 * the add-on tells that a stream was cut off, so neither is trusted with that.
 *
 * @throws GantryError LAYER_INVALID
 */
export async function* zstdFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<FramePiece, void, undefined> {
  const walk = new FrameWalk();
  let frames = 0;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.byteLength) {
      const step = walk.advance(chunk, at);
      if (step.bytes !== undefined) yield { bytes: step.bytes, last: step.frameEnds };
      if (step.frameEnds) frames++;
      at = step.end;
    }
  }
  if (!walk.between || frames === 0) throw new GantryError("LAYER_INVALID", "the zstd stream is cut off");
}

interface Step {
  /** Where in the chunk to go on. */
  readonly end: number;
  /** What belongs to a frame of content. */
  readonly bytes: Uint8Array | undefined;
  readonly frameEnds: boolean;
}

type Stage = "magic" | "skip-size" | "header" | "block-header" | "passing";

/** Follows the structure of frames over chunks of any size, without decoding anything. */
class FrameWalk {
  #stage: Stage = "magic";
  /** Bytes of the present field, where it was cut by the end of a chunk. */
  readonly #field: Uint8Array = new Uint8Array(MAX_HEADER);
  #have = 0;
  #want = 4;
  /** Bytes of a block, checksum or skippable frame that are still to pass. */
  #left = 0;
  #afterPassing: "block-header" | "end" = "end";
  #checksum = false;
  #skippable = false;

  /** True when a stream may end here. */
  get between(): boolean {
    return this.#stage === "magic" && this.#have === 0;
  }

  get #inContent(): boolean {
    return this.#stage === "header";
  }

  /** Goes over `chunk` from `at` up to its end or the end of the frame. */
  advance(chunk: Uint8Array, at: number): Step {
    let position = at;
    // Only the whole magic tells whether its bytes are content, so the start of one that was cut is held back.
    if (this.#stage === "magic") {
      const isCut = this.#have > 0 || chunk.byteLength - at < 4;
      while (this.#stage === "magic" && position < chunk.byteLength) this.#take(chunk[position++]!);
      if (isCut || this.#skippable) {
        const known = this.#inContent ? this.#field.slice(0, 4) : undefined;
        return { end: position, bytes: known, frameEnds: false };
      }
    }
    const skippable = this.#skippable;
    const piece = (): Uint8Array | undefined => (skippable ? undefined : chunk.subarray(at, position));
    while (position < chunk.byteLength) {
      if (this.#stage === "passing") {
        const part = Math.min(this.#left, chunk.byteLength - position);
        this.#left -= part;
        position += part;
        if (this.#left > 0) break;
      } else {
        this.#take(chunk[position++]!);
      }
      // A block or skippable frame of no bytes passes at once.
      if (this.#stage === "passing" && this.#left === 0) {
        if (this.#afterPassing === "block-header") this.#next("block-header", 3);
        else {
          this.#next("magic", 4);
          this.#skippable = false;
          return { end: position, bytes: piece(), frameEnds: true };
        }
      }
    }
    return { end: position, bytes: piece(), frameEnds: false };
  }

  #take(byte: number): void {
    this.#field[this.#have++] = byte;
    if (this.#have === this.#want) this.#read();
  }

  #next(stage: Stage, want: number): void {
    this.#stage = stage;
    this.#have = 0;
    this.#want = want;
  }

  #pass(length: number, after: "block-header" | "end"): void {
    this.#next("passing", 0);
    this.#left = length;
    this.#afterPassing = after;
  }

  #read(): void {
    const field = this.#field;
    const view = new DataView(field.buffer);
    switch (this.#stage) {
      case "magic": {
        const magic = view.getUint32(0, true);
        if (magic === 0xfd2fb528) {
          // The descriptor is read behind the magic, to have the header in one place.
          this.#next("header", 5);
          this.#have = 4;
        } else if ((magic & 0xfffffff0) === 0x184d2a50) {
          this.#skippable = true;
          this.#next("skip-size", 4);
        } else throw new GantryError("LAYER_INVALID", "the zstd stream is damaged: something that is no frame follows");
        return;
      }
      case "skip-size":
        this.#pass(view.getUint32(0, true), "end");
        return;
      case "header":
        this.#readHeader(view);
        return;
      case "block-header": {
        const header = field[0]! | (field[1]! << 8) | (field[2]! << 16);
        const last = (header & 1) === 1;
        const type = (header >> 1) & 3;
        if (type === 3)
          throw new GantryError("LAYER_INVALID", "the zstd stream is damaged: a block of a reserved type");
        // A run-length block holds one byte, whatever its size says (RFC 8878, 3.1.1.2.2).
        const length = (type === 1 ? 1 : header >> 3) + (last && this.#checksum ? 4 : 0);
        this.#pass(length, last ? "end" : "block-header");
        return;
      }
      case "passing":
        return;
    }
  }

  #readHeader(view: DataView): void {
    const descriptor = this.#field[4]!;
    const singleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
    const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
    const want = 5 + (singleSegment ? 0 : 1) + dictionaryBytes + sizeBytes;
    if (this.#have < want) {
      this.#want = want;
      return;
    }
    const window = singleSegment ? contentSize(view, want - sizeBytes, sizeBytes) : windowSize(this.#field[5]!);
    if (window > MAX_WINDOW)
      throw new GantryError("LAYER_INVALID", `the zstd stream needs a window of ${window} bytes`, {
        hint: "Compress it without --long or --ultra.",
      });
    this.#checksum = (descriptor & 4) !== 0;
    this.#next("block-header", 3);
  }
}

function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >> 3));
  return base + (base / 8) * (byte & 7);
}

function contentSize(view: DataView, at: number, bytes: number): number {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return bytes === 4 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}
