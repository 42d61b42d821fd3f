import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { GantryError } from "../errors.js";
import { readAll } from "../streams/index.js";
import { Refusal } from "./refusal.js";

/** What a route answers; it is sent in one place. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Uint8Array;
  /** Part of a file; it is closed when the answer has gone out. */
  readonly file?: { readonly handle: FileHandle; readonly start: number; readonly length: number };
  /** For HEAD: the length that a GET would have. */
  readonly length?: number;
}

/** One request as the routes see it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
  readonly #response: ServerResponse;
  bytesReceived = 0;

  constructor(request: IncomingMessage, response: ServerResponse, query: URLSearchParams) {
    this.request = request;
    this.query = query;
    this.#response = response;
  }

  get method(): string {
    return this.request.method ?? "GET";
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** The declared length of the request's body; undefined for a chunked one. */
  get contentLength(): number | undefined {
    const value = this.request.headers["content-length"];
    if (value !== undefined) return Number(value);
    return this.request.headers["transfer-encoding"] === undefined ? 0 : undefined;
  }

  get hasBody(): boolean {
    return this.contentLength !== 0;
  }

  /** The request's body as it comes. Throws when the client goes away before its end. */
  async *body(): AsyncGenerator<Buffer, void, undefined> {
    if (this.header("expect")?.toLowerCase() === "100-continue") this.#response.writeContinue();
    // A reader that stops early must still be able to answer, and Node's default would close the connection under it.
    for await (const chunk of this.request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      this.bytesReceived += chunk.byteLength;
      yield chunk;
    }
  }

  /**
   * The whole body, for documents.
   *
   * @throws Refusal 413, before anything is read when the client says how long it is (CVE-2017-11468)
   */
  async document(limit: number): Promise<Uint8Array> {
    const tooLarge = () => new Refusal(413, "SIZE_INVALID", `a manifest of at most ${limit} bytes is accepted here`);
    if ((this.contentLength ?? 0) > limit) throw tooLarge();
    try {
      return await readAll(this.body(), limit);
    } catch (error) {
      if (GantryError.is(error) && error.code === "TOO_LARGE") throw tooLarge();
      throw error;
    }
  }

  /** Ends the connection: whoever sends here has been replaced. */
  abandon(): void {
    this.request.destroy();
  }
}

/** An answer that carries JSON. */
export function json(status: number, value: unknown, headers: Answer["headers"] = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", ...headers },
    body: Buffer.from(JSON.stringify(value)),
  };
}
