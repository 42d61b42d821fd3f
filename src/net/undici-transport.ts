import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { GantryError } from "../errors.js";
import { causeCode, connectionError } from "./connection-error.js";
import { Dispatchers, type OpenPool } from "./dispatchers.js";
import { DEFAULT_TIMEOUTS, type HostConfig } from "./host.js";
import { Pace } from "./pace.js";
import { redactUrl } from "./redact.js";
import type { HeaderMap, HttpRequest, HttpResponse, Transport } from "./transport.js";
import { upload } from "./upload-stream.js";
import { undiciParts } from "./undici-parts.js";

/** The most that `discard` reads so that a connection can be used again. */
const DISCARD_LIMIT = 64 * 1024;

/**
 * Sends requests with undici, on behalf of one host, and keeps connections open between them until it is disposed.
 *
 * Never follows a redirect and never decodes a body: an answer with a Content-Encoding is refused, for content is
 * identified by its bytes. A request whose connection turned out to be closed while it was idle is sent again,
 * silently, when that cannot do anything twice.
 *
 * @throws GantryError CONNECTION_FAILED, TLS_UNTRUSTED, TIMEOUT (no connection, no answer), STALLED (bytes stopped),
 *   REGISTRY_PROTOCOL (what came is not what HTTP allows); an error of the request's own body as it is; the abort
 *   reason when the request's signal is aborted. Reading the answer's body throws the same.
 */
export function undiciTransport(host: HostConfig): Transport & AsyncDisposable {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...host.timeouts };
  const dispatchers = new Dispatchers(host, timeouts);

  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    const pool = await dispatchers.for(request.url);
    for (let repeats = 0; ; repeats += 1) {
      request.signal?.throwIfAborted();
      const opened = pool.opened?.();
      try {
        return await exchange(request, pool);
      } catch (error) {
        // Nothing was opened meanwhile, so the connection was an old one, and the server had closed it.
        const stale = opened !== undefined && pool.opened?.() === opened && STALE.has(causeCode(error) ?? "");
        if (!stale || repeats === MOST_STALE || !canRepeat(request)) throw error;
      }
    }
  };

  return Object.assign(send, { [Symbol.asyncDispose]: () => dispatchers.close() });

  async function exchange(request: HttpRequest, pool: OpenPool): Promise<HttpResponse> {
    const { method, url, signal } = request;
    const halt = new AbortController();
    let failure: unknown;
    const fail = (reason: unknown): void => {
      failure ??= reason;
      halt.abort(reason);
    };
    const onAbort = (): void => fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const where = `${method} ${redactUrl(url)}`;
    const pace = new Pace(url.host, timeouts, (error) => fail(error.with({ where })));
    const answered = request.answerWithin ?? timeouts.headers;
    const sending = upload(request, pace, halt.signal, answered);
    const over = (): void => {
      signal?.removeEventListener("abort", onAbort);
      pace.stop();
    };
    const failed = (error: unknown): unknown => failure ?? sending?.failure() ?? connectionError(error, method, url);
    try {
      if (sending === undefined) pace.begin("answer", answered);
      else pace.begin("sending");
      const undici = await undiciParts();
      const answer = await undici.request(pool.dispatcher, {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: requestHeaders(request, host),
        // Any async iterable will do; the types know only streams.
        body: (sending?.body ?? null) as Readable | null,
        signal: halt.signal,
      });
      pace.answered();
      const headers = headerMap(answer.headers);
      const response = { status: answer.statusCode, headers, url };
      if (method === "HEAD" || answer.statusCode === 204 || answer.statusCode === 304) {
        await answer.body.dump();
        over();
        return { ...response, body: nothing(), discard: async () => {} };
      }
      checkEncoding(response, where, () => answer.body.destroy());
      const body = new AnswerBody(answer.body, pace, over, failed);
      return { ...response, body, discard: () => body.discard() };
    } catch (error) {
      over();
      // What still feeds the request has nobody left to feed.
      const thrown = failed(error);
      halt.abort(thrown);
      throw thrown;
    }
  }
}

/** A pool may hold several connections that its server has closed; each repeat uses up one of them. */
const MOST_STALE = 8;

/** What a socket that was closed while nobody looked says when it is written to. */
const STALE = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/**
 * Whether a request can be sent again when its connection broke before any answer. A PATCH that nobody called safe
 * may have been taken: only who asks for the upload's state knows (faults.md P06).
 */
function canRepeat(request: HttpRequest): boolean {
  if (request.repeat === "safe") return true;
  return (
    (request.method === "POST" || request.method === "PUT") && (request.body === undefined || request.body.size === 0)
  );
}

function requestHeaders(request: HttpRequest, host: HostConfig): Record<string, string> {
  const size = request.body?.size;
  return {
    "user-agent": host.userAgent ?? "gantry",
    ...request.headers,
    "accept-encoding": "identity",
    ...(size === undefined ? {} : { "content-length": String(size) }),
  };
}

function headerMap(headers: Record<string, string | string[] | undefined>): HeaderMap {
  // A server chooses the names: `__proto__` is one of them (threats.md row 85).
  const map: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) map[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : value;
  }
  return map;
}

function checkEncoding(response: { status: number; headers: HeaderMap }, where: string, close: () => void): void {
  const encoding = response.headers["content-encoding"]?.trim().toLowerCase();
  if (encoding === undefined || encoding === "" || encoding === "identity" || response.status >= 300) return;
  close();
  throw new GantryError(
    "REGISTRY_PROTOCOL",
    `the answer is encoded as ${encoding.slice(0, 40)} although identity was asked for`,
    {
      where,
      hint: "Something between here and the registry recodes content; it has to be told not to.",
    },
  );
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

/** An answer's body, read once. */
class AnswerBody implements AsyncIterable<Uint8Array> {
  readonly #body: Dispatcher.ResponseData["body"];
  readonly #pace: Pace;
  readonly #over: () => void;
  readonly #failed: (error: unknown) => unknown;
  #opened = false;

  constructor(
    body: Dispatcher.ResponseData["body"],
    pace: Pace,
    over: () => void,
    failed: (error: unknown) => unknown,
  ) {
    this.#body = body;
    this.#pace = pace;
    this.#over = over;
    this.#failed = failed;
    // An abort destroys the body even when nobody reads it; an error that nobody listens to would end the process.
    body.on("error", () => {});
    body.once("close", over);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#opened) throw new GantryError("INTERNAL", "an answer's body is read a second time");
    this.#opened = true;
    const chunks = this.#body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    try {
      for (;;) {
        this.#pace.begin("reading");
        const next = await chunks.next();
        if (next.done === true) return;
        this.#pace.end(next.value.byteLength);
        yield next.value;
      }
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#over();
      this.#body.destroy();
    }
  }

  async discard(): Promise<void> {
    if (this.#opened) {
      this.#body.destroy();
      return;
    }
    let read = 0;
    try {
      for await (const chunk of this) {
        read += chunk.byteLength;
        if (read > DISCARD_LIMIT) return;
      }
    } catch {
      // Whatever is wrong with what nobody wants does not matter.
    }
  }
}
