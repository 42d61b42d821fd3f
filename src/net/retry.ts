import { GantryError } from "../errors.js";
import { causeCode } from "./connection-error.js";
import type { RetryPolicy } from "./host.js";
import { redactUrl } from "./redact.js";
import { parseRetryAfter } from "./retry-after.js";
import { sleep } from "./sleep.js";
import type { HttpRequest, HttpResponse, Middleware } from "./transport.js";

/** A request is about to be sent again. */
export interface RetryEvent {
  readonly method: string;
  /** Without secrets. */
  readonly url: string;
  /** The sending that comes next, from 2. */
  readonly attempt: number;
  readonly attempts: number;
  /** In milliseconds. */
  readonly delay: number;
  /** `503`, or what happened in words. */
  readonly reason: string;
}

/** What `retry` needs to know; the clock and the pause can be given for tests. */
export interface RetryOptions extends RetryPolicy {
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
  readonly random?: (() => number) | undefined;
}

/**
 * Eight sendings: with one in four requests failing, seven in a row happen once in sixteen thousand. The pauses
 * between them come to at most sixteen seconds.
 */
export const DEFAULT_ATTEMPTS = 8;
const FIRST_DELAY = 250;
const LONGEST_DELAY = 4_000;

/** Statuses of a server, or of something before it, that says "not now". 499 and 522 are proxies' own. */
const TRANSIENT = new Set([408, 429, 499, 500, 502, 503, 504, 522, 524]);

/**
 * Sends what is safe to repeat again when the connection failed, no answer came in time, or the answer was one of
 * 408, 429, 499, 500, 502, 503, 504, 522, 524. The pause grows from a quarter of a second, half of it by chance, so
 * that many clients do not come back as one; a Retry-After is waited out, up to a minute. What cannot get better is
 * not repeated: an untrusted certificate, another 4xx, a broken protocol. After the last attempt the answer is
 * returned, or the error thrown, as it is. What breaks after the headers is the reader's to resume.
 */
export function retry(options: RetryOptions = {}): Middleware {
  const attempts = Math.max(1, options.attempts ?? DEFAULT_ATTEMPTS);
  const now = options.now ?? Date.now;
  const pause = options.sleep ?? sleep;
  const random = options.random ?? Math.random;

  return (next) => async (request) => {
    if (request.repeat !== "safe" || attempts === 1) return next(request);
    for (let attempt = 1; ; attempt += 1) {
      let reason: string;
      let asked: number | undefined;
      let response: HttpResponse | undefined;
      let limit = attempts;
      try {
        response = await next(request);
        if (!TRANSIENT.has(response.status)) return response;
        reason = String(response.status);
        asked = parseRetryAfter(response.headers["retry-after"], now());
      } catch (error) {
        request.signal?.throwIfAborted();
        limit = attemptsFor(error, attempts);
        if (attempt >= limit)
          throw attempt > 1 && GantryError.is(error) ? error.with({ facts: { attempts: attempt } }) : error;
        reason = error instanceof Error ? error.message : "the connection failed";
      }
      if (response !== undefined) {
        if (attempt >= limit) return response;
        await response.discard();
      }
      const delay = asked ?? options.delay ?? backoff(attempt, random());
      options.onRetry?.(event(request, attempt + 1, limit, delay, reason));
      await pause(delay, request.signal);
    }
  };
}

/** 0.25 s, 0.5 s, 1 s … 4 s, of which the second half is by chance. */
function backoff(attempt: number, random: number): number {
  const whole = Math.min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY);
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** How often an error is worth a try. */
function attemptsFor(error: unknown, attempts: number): number {
  if (!GantryError.is(error)) return 1;
  // What is no HTTP may come from a connection that is out of step; a port of another protocol stays one.
  if (error.code === "REGISTRY_PROTOCOL" && causeCode(error)?.startsWith("HPE_") === true) return Math.min(attempts, 3);
  if (!["CONNECTION_FAILED", "TIMEOUT", "STALLED"].includes(error.code)) return 1;
  switch (causeCode(error) ?? "") {
    // A name that is not known seldom becomes known.
    case "ENOTFOUND":
      return Math.min(attempts, 2);
    // A registry that is being started takes some seconds (faults.md P01); nobody waits longer for a mistyped port.
    case "ECONNREFUSED":
      return Math.min(attempts, 6);
    case "PROXY_REFUSED":
    case "UND_ERR_CLOSED":
    case "UND_ERR_DESTROYED":
      return 1;
    default:
      return attempts;
  }
}

function event(request: HttpRequest, attempt: number, attempts: number, delay: number, reason: string): RetryEvent {
  return { method: request.method, url: redactUrl(request.url), attempt, attempts, delay, reason };
}
