import { createHash, type Hash } from "node:crypto";
import { GantryError } from "../../../errors.js";
import { algorithmOf, type Digest, type DigestAlgorithm, digestFrom } from "../../../spec/index.js";
import type { Body } from "../../../streams/index.js";

/** What is known of a blob before it is read. */
export interface Promised {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** The state of the hash at a byte: from here a reading can go on. */
interface Checkpoint {
  readonly at: number;
  readonly hash: Hash;
}

const CHECKPOINT_EVERY = 4 * 1024 * 1024;
/** Bounds the checkpoints that a large blob leaves; a hash state weighs some hundred bytes. */
const MAX_CHECKPOINTS = 256;

/**
 * The bytes of one upload, in as many pieces and attempts as it takes. It hashes what it hands out, wherever an attempt
 * starts, and holds back the last bytes until all are known to be right: a source that is not what it was promised to
 * be fails before the registry can commit it.
 */
export class UploadSource {
  readonly size: number | undefined;
  readonly #body: Body;
  readonly #digest: Digest | undefined;
  readonly #algorithm: DigestAlgorithm;
  readonly #onBytes: ((count: number) => void) | undefined;
  readonly #checkpoints: Checkpoint[];
  readonly #every: number;
  #failure: unknown;
  #at = 0;
  #sent = 0;
  #whole: { readonly digest: Digest; readonly size: number } | undefined;

  constructor(body: Body, promised: Promised, onBytes?: (count: number) => void) {
    this.size = promised.size ?? body.size;
    this.#body = body;
    this.#digest = promised.digest;
    this.#algorithm = promised.digest === undefined ? "sha256" : algorithmOf(promised.digest);
    this.#onBytes = onBytes;
    this.#checkpoints = [{ at: 0, hash: createHash(this.#algorithm) }];
    this.#every = Math.max(CHECKPOINT_EVERY, Math.ceil((this.size ?? 0) / MAX_CHECKPOINTS));
  }

  /** Why the source itself failed: no registry's fault, so no other attempt at the registry helps. */
  get failure(): unknown {
    return this.#failure;
  }

  /** What the content is: as promised, or as found once it has been read to its end. */
  get digest(): Digest | undefined {
    return this.#digest ?? this.#whole?.digest;
  }

  /** The digest was known before anything was read. */
  get isPromised(): boolean {
    return this.#digest !== undefined;
  }

  /** Every byte that was handed out, those of broken attempts included. */
  get sent(): number {
    return this.#sent;
  }

  /** Where the current attempt stands. */
  get position(): number {
    return this.#at;
  }

  /** The last byte has been handed out in the current attempt: an answer that was lost may have been a yes. */
  get isAllSent(): boolean {
    return this.#at === (this.size ?? this.#whole?.size);
  }

  /** Digest and size of the whole, once it has been read to its end. */
  get whole(): { readonly digest: Digest; readonly size: number } | undefined {
    return this.#whole;
  }

  /** Says which bytes the registry has, so that progress counts nothing twice. */
  rewindTo(at: number): void {
    if (at !== this.#at) this.#onBytes?.(at - this.#at);
    this.#at = at;
  }

  /** The bytes from `from` up to `to`, or to the end. Can be opened again, as every body. */
  slice(from: number, to?: number): Body {
    const end = to ?? this.size;
    return {
      size: end === undefined ? undefined : end - from,
      open: ({ start = 0, signal } = {}) => this.#guarded(from + start, end, signal),
    };
  }

  async *#guarded(
    from: number,
    to: number | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.rewindTo(from);
    // One chunk is held back: it leaves when the next one has come, or when the whole has been found right.
    let held: Uint8Array | undefined;
    const parts = this.#read(from, to, signal);
    for (;;) {
      let next: IteratorResult<Uint8Array, void>;
      try {
        next = await parts.next();
      } catch (error) {
        if (signal?.aborted !== true) this.#failure = error;
        throw error;
      }
      if (held !== undefined) {
        this.#at += held.byteLength;
        this.#sent += held.byteLength;
        this.#onBytes?.(held.byteLength);
        try {
          yield held;
        } finally {
          held = undefined;
        }
      }
      if (next.done === true) return;
      held = next.value;
    }
  }

  /** Reads on from the last checkpoint before `from`, hashes all, and gives out what lies between `from` and `to`. */
  async *#read(
    from: number,
    to: number | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const checkpoint = this.#checkpoints.findLast(({ at }) => at <= from)!;
    const hash = checkpoint.hash.copy();
    let at = checkpoint.at;
    if (to === undefined || at < to) {
      for await (const chunk of this.#body.open({ start: at, ...(signal === undefined ? {} : { signal }) })) {
        if (this.size !== undefined && at + chunk.byteLength > this.size) throw this.#wrongSize(at + chunk.byteLength);
        const part = to === undefined || at + chunk.byteLength <= to ? chunk : chunk.subarray(0, to - at);
        hash.update(part);
        const skip = Math.max(0, from - at);
        at += part.byteLength;
        this.#remember(at, hash, at === to);
        if (skip < part.byteLength) yield skip === 0 ? part : part.subarray(skip);
        // One look past the end of the blob shows whether the source has more than it promised.
        if (at === to && to !== this.size) return;
      }
    }
    if (to !== undefined && at < to) throw this.#wrongSize(at);
    if (to !== undefined && to !== this.size) return;
    const digest = digestFrom(this.#algorithm, hash.copy().digest("hex"));
    if (this.#digest !== undefined && digest !== this.#digest) {
      throw new GantryError("DIGEST_MISMATCH", `the source's content is ${digest} where ${this.#digest} was promised`, {
        side: "source",
        facts: { expected: this.#digest, got: digest },
      });
    }
    this.#whole = { digest, size: at };
  }

  #remember(at: number, hash: Hash, always: boolean): void {
    const last = this.#checkpoints.at(-1)!.at;
    if (at > last && (always || at - last >= this.#every)) this.#checkpoints.push({ at, hash: hash.copy() });
    // Chunks leave one each, however small they are: every second goes, only a little more is then read again.
    if (this.#checkpoints.length > 2 * MAX_CHECKPOINTS) {
      const kept = this.#checkpoints.filter((_, index) => index % 2 === 0 || index === this.#checkpoints.length - 1);
      this.#checkpoints.splice(0, this.#checkpoints.length, ...kept);
    }
  }

  #wrongSize(got: number): GantryError {
    return new GantryError("SIZE_MISMATCH", `the source has ${got} bytes or more where ${this.size} were promised`, {
      side: "source",
      facts: { ...(this.#digest === undefined ? {} : { digest: this.#digest }), expected: this.size ?? -1, got },
    });
  }
}
