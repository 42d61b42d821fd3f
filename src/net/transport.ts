import type { Body } from "../streams/index.js";

/** Lower-case names; what a server sent several times is joined with ", ". */
export type HeaderMap = Readonly<Record<string, string>>;

/** One request. Nothing in it is a secret: credentials are added by the middleware that owns them. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  readonly headers?: HeaderMap;
  /** Opened for each sending; its `size` becomes Content-Length, unknown means chunked transfer. */
  readonly body?: Body;
  readonly signal?: AbortSignal | undefined;
  /** What a bearer token has to allow: `repository:demo/app:pull,push`. */
  readonly scopes?: readonly string[];
  /** "safe": a middleware may send it again. "never": only the caller knows what was done (upload steps). */
  readonly repeat: "safe" | "never";
  /** How long status and headers may take once the request is out, in milliseconds; the host's timeout where not said.
   * For what makes a registry work for a while: the end of a large upload. */
  readonly answerWithin?: number;
  /** The body is a secret: a redirect to another origin is refused instead of sending it there. */
  readonly secretBody?: boolean;
  /** Called as the body's bytes leave. */
  readonly onSent?: (count: number) => void;
}

/** One answer. Its body has to be read to the end or discarded, else the connection stays taken. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: HeaderMap;
  /** The URL that answered, after redirects. */
  readonly url: URL;
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads a little and drops the rest, or closes the connection when there is more. */
  discard(): Promise<void>;
}

/** Sends one request and answers when the status and headers are there. Never follows, retries or authenticates by itself. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** Wraps a transport with one concern. */
export type Middleware = (next: Transport) => Transport;

/** The first one named sees a request first and its answer last. */
export const compose = (transport: Transport, ...around: Middleware[]): Transport =>
  around.reduceRight((next, wrap) => wrap(next), transport);
