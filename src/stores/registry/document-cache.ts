import type { Digest } from "../../spec/index.js";

/** The sum of all kept documents' sizes, for one host. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Verified documents that were just read, least recently used out first, so that reading one twice costs nothing. */
export class DocumentCache {
  readonly #kept = new Map<Digest, Uint8Array>();
  #bytes = 0;

  get(digest: Digest): Uint8Array | undefined {
    const bytes = this.#kept.get(digest);
    if (bytes === undefined) return undefined;
    this.#kept.delete(digest);
    this.#kept.set(digest, bytes);
    // A copy: a caller that writes into its bytes must not change another's verified document.
    return new Uint8Array(bytes);
  }

  /** Keeps bytes whose digest has been verified by the caller. */
  put(digest: Digest, bytes: Uint8Array): void {
    this.delete(digest);
    this.#kept.set(digest, new Uint8Array(bytes));
    this.#bytes += bytes.byteLength;
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= MAX_BYTES) break;
      this.delete(oldest);
    }
  }

  delete(digest: Digest): void {
    this.#bytes -= this.#kept.get(digest)?.byteLength ?? 0;
    this.#kept.delete(digest);
  }
}
