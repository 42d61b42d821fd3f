import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** One request as it was seen. */
export interface Record {
  readonly at: "registry" | "elsewhere";
  readonly method: string;
  readonly path: string;
  /** The scheme of its Authorization. */
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  /** 0: it got none. */
  status: number;
  /** Body bytes that were taken from the client, and given to it. */
  up: number;
  down: number;
}

/** How a request is passed on, and what becomes of the answer. */
export interface Passing {
  readonly method?: string;
  readonly path?: string;
  /** Changes what goes up. */
  readonly ask?: (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders;
  /** Only so many bytes of the request's body go up, then the connection is reset. `false`: not this time. */
  readonly cutUpload?: (total: number) => number | undefined;
  /** So many bytes of the request's body are taken in a second. */
  readonly uploadRate?: number;
  /** The work is done, the answer is not given. */
  readonly loseAnswer?: boolean;
  readonly status?: number;
  readonly headers?: (headers: OutgoingHttpHeaders) => OutgoingHttpHeaders;
  /** Changes the body as a whole; Content-Length follows. */
  readonly body?: (body: Buffer) => Buffer;
  /** So many bytes of the answer's body come: then a reset, an end, or an end that Content-Length agrees with. */
  readonly cut?: { readonly after: number; readonly by: "reset" | "end" | "length" };
  /** The byte of which one bit is turned. */
  readonly flip?: number;
  readonly drip?: { readonly bytes: number; readonly everyMs: number };
  /** After the headers, blanks for ever. */
  readonly endless?: boolean;
  /** HTTP/1.0, without a length. */
  readonly http10?: boolean;
  /** Called when the body has arrived; an answer given here replaces the registry's. */
  readonly beforeEnd?: () => boolean;
}

const ENDLESS_CHUNK = Buffer.alloc(1024 * 1024, 0x20);
/**
 * What was written has to be read by the other side before a reset drops what is still in the buffers. The other side
 * may be this same process, so it gets turns of the event loop, not only time.
 */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await sleep(4);
}

/** One request at the proxy, with everything that can be done to it. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly record: Record;
  readonly random: () => number;
  readonly #upstream: URL;
  readonly #agent: http.Agent;
  readonly #dropAuthorization: boolean;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    record: Record,
    up: { upstream: URL; agent: http.Agent; dropAuthorization: boolean; random: () => number },
  ) {
    this.request = request;
    this.response = response;
    this.record = record;
    this.random = up.random;
    this.#upstream = up.upstream;
    this.#agent = up.agent;
    this.#dropAuthorization = up.dropAuthorization;
  }

  get path(): string {
    return this.record.path;
  }

  /** Where the registry itself has something. */
  upstream(path: string): URL {
    return new URL(path, this.#upstream);
  }

  /** Ends the connection with a reset. */
  reset(): void {
    this.request.socket.resetAndDestroy();
  }

  /** Takes the request's body and forgets it. */
  async drain(): Promise<void> {
    for await (const chunk of this.request) this.record.up += (chunk as Buffer).byteLength;
  }

  /** Answers. Unless `unread`, the request's body is taken first. */
  async reply(
    status: number,
    headers: OutgoingHttpHeaders = {},
    body: string | Buffer = "",
    unread = false,
  ): Promise<void> {
    if (!unread) await this.drain();
    this.record.status = status;
    const bytes = Buffer.from(body);
    if (this.request.method !== "HEAD") this.record.down += bytes.byteLength;
    this.response.writeHead(status, { "content-length": bytes.byteLength, ...headers });
    this.response.end(this.request.method === "HEAD" ? undefined : bytes);
    if (unread) this.request.resume();
  }

  /** Writes bytes to the connection as they are, and ends it. */
  async raw(text: string | Buffer): Promise<void> {
    await this.drain();
    this.record.status = Number(/^HTTP\/1\.\d (\d+)/.exec(text.toString("latin1"))?.[1] ?? 0);
    this.request.socket.end(text);
  }

  /** Passes the request on to the registry, and its answer back. */
  async pass(passing: Passing = {}): Promise<void> {
    const headers = { ...this.request.headers };
    if (this.#dropAuthorization) delete headers.authorization;
    const up = http.request(this.#upstream, {
      method: passing.method ?? this.request.method,
      path: tellsWhereFrom(passing.path ?? this.path),
      headers: passing.ask?.(headers) ?? headers,
      agent: this.#agent,
    });
    const answered = new Promise<IncomingMessage | undefined>((resolve) => {
      up.once("response", resolve);
      up.once("error", () => resolve(undefined));
    });
    this.response.once("close", () => {
      if (!this.response.writableFinished) up.destroy();
    });
    const fed = await this.#feed(up, passing).catch(() => {
      up.destroy();
      return "gone" as const;
    });
    if (fed !== "whole") return;
    const answer = await answered;
    if (answer === undefined) {
      if (this.response.headersSent) this.response.destroy();
      else await this.reply(502, {}, "", true);
      return;
    }
    answer.on("error", () => this.response.destroy());
    await this.#give(answer, passing);
  }

  async #feed(up: http.ClientRequest, passing: Passing): Promise<"whole" | "cut" | "gone"> {
    const total = Number(this.request.headers["content-length"] ?? Number.POSITIVE_INFINITY);
    const hasBody = Number.isFinite(total) ? total > 0 : this.request.headers["transfer-encoding"] !== undefined;
    const limit = hasBody ? passing.cutUpload?.(total) : undefined;
    for await (const piece of this.request) {
      const chunk = piece as Buffer;
      const room = limit === undefined ? chunk.byteLength : Math.min(chunk.byteLength, limit - this.record.up);
      this.record.up += room;
      if (room > 0 && !up.write(chunk.subarray(0, room))) await drained(up);
      if (limit !== undefined && this.record.up >= limit) {
        await settle();
        this.reset();
        up.destroy();
        return "cut";
      }
      if (passing.uploadRate !== undefined) await sleep((chunk.byteLength / passing.uploadRate) * 1000);
    }
    if (passing.beforeEnd?.() === true) {
      up.destroy();
      return "gone";
    }
    up.end();
    return "whole";
  }

  async #give(answer: IncomingMessage, passing: Passing): Promise<void> {
    const { record, request, response } = this;
    const isHead = request.method === "HEAD";
    if (passing.loseAnswer === true) {
      answer.resume();
      answer.once("end", () => this.reset());
      return;
    }
    let headers: OutgoingHttpHeaders = { ...answer.headers };
    delete headers.connection;
    delete headers["keep-alive"];
    headers = passing.headers?.(headers) ?? headers;
    const status = passing.status ?? answer.statusCode ?? 502;
    record.status = status;
    let whole: Buffer | undefined;
    if (passing.body !== undefined || passing.http10 === true || passing.cut?.by === "length") {
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part as Buffer);
      whole = Buffer.concat(parts);
      whole = passing.body?.(whole) ?? whole;
      if (passing.cut?.by === "length") whole = whole.subarray(0, passing.cut.after);
      if (!isHead) {
        delete headers["transfer-encoding"];
        headers["content-length"] = whole.byteLength;
      }
    }
    if (passing.http10 === true) {
      delete headers["content-length"];
      delete headers["transfer-encoding"];
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
      record.down += isHead ? 0 : whole!.byteLength;
      request.socket.write(`HTTP/1.0 ${status} X\r\n${lines.join("")}\r\n`);
      request.socket.end(isHead ? Buffer.alloc(0) : whole!);
      return;
    }
    response.writeHead(status, headers);
    if (isHead) {
      answer.resume();
      response.end();
      return;
    }
    if (passing.endless === true) {
      answer.resume();
      const timer = setInterval(() => {
        record.down += ENDLESS_CHUNK.byteLength;
        response.write(ENDLESS_CHUNK);
      }, 5);
      response.once("close", () => clearInterval(timer));
      return;
    }
    await this.#body(whole === undefined ? answer : [whole], passing);
  }

  async #body(source: AsyncIterable<unknown> | Iterable<Buffer>, { cut, flip, drip }: Passing): Promise<void> {
    const { record, response } = this;
    const start = record.down;
    for await (const piece of source) {
      let chunk = piece as Buffer;
      const at = record.down - start;
      if (flip !== undefined && flip >= at && flip < at + chunk.byteLength) {
        chunk = Buffer.from(chunk);
        chunk[flip - at]! ^= 1;
      }
      const ends = cut !== undefined && cut.by !== "length" && at + chunk.byteLength >= cut.after;
      if (ends) chunk = chunk.subarray(0, cut.after - at);
      for (let sent = 0; sent < chunk.byteLength; sent += drip?.bytes ?? chunk.byteLength) {
        const part = drip === undefined ? chunk : chunk.subarray(sent, sent + drip.bytes);
        if (response.destroyed) return;
        record.down += part.byteLength;
        if (!response.write(part)) await drained(response);
        if (drip !== undefined) await sleep(drip.everyMs);
      }
      if (ends) {
        await settle();
        if (cut.by === "reset") this.reset();
        else this.request.socket.destroySoon();
        return;
      }
    }
    response.end();
  }
}

/**
 * Most registries do not mount a blob without being told from where. Gantry's own does, and a tool that asks for it
 * would have nothing to send and nothing to break.
 */
const tellsWhereFrom = (path: string): string => path.replace(/(\/blobs\/uploads\/)\?mount=[^&]*$/, "$1");

/** Resolves when a stream wants more, or is gone. */
function drained(stream: http.ClientRequest | ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("drain", done);
      stream.off("close", done);
      resolve();
    };
    stream.on("drain", done);
    stream.on("close", done);
    if (stream.destroyed) done();
  });
}
