import { GantryError } from "../../errors.js";
import type { Descriptor } from "../../spec/index.js";
import type { RepositoryApi } from "./connection.js";
import { inParallel } from "./parallel-ranges.js";

/** So much is read over one connection before its rate is judged. */
const JUDGED_AFTER = 32 * 1024 * 1024;
/** A smaller rest is not worth a trial. */
const WORTH_FROM = 64 * 1024 * 1024;
/** In a millisecond. What brings 24 MiB a second needs no help, and no registry on this machine or network is slower. */
const SLOW = (24 * 1024 * 1024) / 1000;

/**
 * Finds out, once for each pass over a large blob, whether several connections bring it faster than one. A fast
 * connection, a small blob and a registry without ranges never get there. One blob a host at a time: several blobs are
 * several connections already, and memory stays bounded.
 *
 * Whatever goes wrong here is no failure: the pass goes on over one connection, which knows how to survive.
 */
export class Widening {
  readonly #api: RepositoryApi;
  readonly #blob: Descriptor;
  #from = 0;
  #began = 0;
  #rate = 0;
  #state: "watching" | "wanted" | "over" = "watching";

  constructor(api: RepositoryApi, blob: Descriptor) {
    this.#api = api;
    this.#blob = blob;
    // What lies elsewhere by its own word is read as it comes.
    if (blob.urls !== undefined || blob.size < JUDGED_AFTER + WORTH_FROM) this.#state = "over";
  }

  /** An answer begins to come from `at`. */
  begin(at: number): void {
    this.#from = at;
    this.#began = performance.now();
  }

  /** True from the moment on when one connection has shown to be slow. */
  isWanted(at: number, ranges: boolean): boolean {
    if (this.#state !== "watching" || !ranges || at - this.#from < JUDGED_AFTER) return this.#state === "wanted";
    this.#rate = (at - this.#from) / (performance.now() - this.#began);
    const isWorthIt =
      this.#rate < SLOW && this.#blob.size - at >= WORTH_FROM && this.#api.connection.widened.size === 0;
    this.#state = isWorthIt ? "wanted" : "over";
    return isWorthIt;
  }

  /** What follows `at`, as far as several connections are found to bring it. */
  async *read(
    at: number,
    etag: string | undefined,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    this.#state = "over";
    const { widened } = this.#api.connection;
    if (widened.size > 0) return;
    widened.add(this);
    try {
      yield* inParallel({
        from: at,
        to: this.#blob.size,
        alone: this.#rate,
        fetch: (start, end, halt) => this.#part(start, end, etag, signal, halt),
      });
    } finally {
      widened.delete(this);
    }
  }

  /** One part, in one attempt. @throws whatever is not exactly that part */
  async #part(
    start: number,
    end: number,
    etag: string | undefined,
    signal: AbortSignal | undefined,
    halt: AbortSignal,
  ): Promise<Uint8Array> {
    const response = await this.#api.send({
      method: "GET",
      to: `blobs/${this.#blob.digest}`,
      headers: {
        "accept-encoding": "identity",
        range: `bytes=${start}-${end - 1}`,
        ...(etag === undefined ? {} : { "if-range": etag }),
      },
      signal: signal === undefined ? halt : AbortSignal.any([signal, halt]),
    });
    const range = new RegExp(`^bytes ${start}-${end - 1}/(?:${this.#blob.size}|\\*)$`);
    if (response.status !== 206 || !range.test(response.headers["content-range"] ?? "")) {
      await response.discard();
      throw this.#broken(start, end);
    }
    const bytes = new Uint8Array(end - start);
    let length = 0;
    for await (const chunk of response.body) {
      if (length + chunk.byteLength > bytes.byteLength) throw this.#broken(start, end);
      bytes.set(chunk, length);
      length += chunk.byteLength;
    }
    if (length < bytes.byteLength) throw this.#broken(start, end);
    return bytes;
  }

  #broken(start: number, end: number): GantryError {
    return new GantryError("CONNECTION_FAILED", `bytes ${start} to ${end} did not come as they were asked for`, {
      where: `${this.#api.location}@${this.#blob.digest}`,
    });
  }
}
