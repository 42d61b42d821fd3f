import { redactHeader, redactUrl } from "./redact.js";
import { requestIdOf } from "./refusal.js";
import type { HttpResponse, Middleware } from "./transport.js";

/** The headers of an answer that explain what a registry did. */
const TOLD = [
  "location",
  "content-type",
  "content-range",
  "range",
  "docker-content-digest",
  "retry-after",
  "www-authenticate",
  "link",
  "warning",
];

/**
 * Logs each request in a line, for `--debug`: method, URL, status, milliseconds, bytes, the server's name of the
 * request. No secret is in it, and no control character (threats.md rows 14, 15, 91). Innermost, it shows what is on
 * the wire.
 */
export function trace(log: (line: string) => void): Middleware {
  return (next) => async (request) => {
    const began = performance.now();
    const proof = request.headers?.["authorization"];
    const size = request.body === undefined ? "" : ` ${request.body.size ?? "unknown"} bytes up`;
    const what = `${request.method} ${redactUrl(request.url)}${size}${proof === undefined ? "" : ` (${redactHeader("authorization", proof)})`}`;
    const took = (): string => `${Math.round(performance.now() - began)} ms`;
    let response: HttpResponse;
    try {
      response = await next(request);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
      log(`${what} -> ${code} ${took()}`);
      throw error;
    }
    const id = requestIdOf(response);
    const length = response.headers["content-length"];
    const told = TOLD.flatMap((name) => {
      const value = response.headers[name];
      return value === undefined ? [] : [`${name}: ${redactHeader(name, value.slice(0, 1_000))}`];
    });
    log(
      [
        `${what} -> ${response.status} ${took()}`,
        ...(length === undefined ? [] : [`${redactHeader("content-length", length)} bytes`]),
        ...(id === undefined ? [] : [`request ${id}`]),
        ...told,
      ].join(", "),
    );
    return response;
  };
}
