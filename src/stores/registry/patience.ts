import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors.js";
import { type HeaderMap, parseRetryAfter } from "../../net/index.js";
import type { Patience } from "./connection.js";

const MAX_DELAY = 4_000;

const TRANSIENT: ReadonlySet<string> = new Set([
  "CONNECTION_FAILED",
  "TIMEOUT",
  "STALLED",
  "REGISTRY_UNAVAILABLE",
  "RATE_LIMITED",
]);

/** True for a failure that another attempt may not meet: a broken or silent connection, a server in trouble. */
export function isTransient(error: unknown): boolean {
  if (GantryError.is(error)) return TRANSIENT.has(error.code);
  if (!(error instanceof Error) || error.name === "AbortError") return false;
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" && /^(?:E[A-Z]{3,}|UND_ERR_[A-Z_]+)$/.test(code);
}

/**
 * True for a failure in the middle of an answer that another request may not meet. What the middleware has repeated as
 * often as it may is not repeated once more on top of that, nor is what the registry itself refused; and what was no
 * HTTP may have been a connection out of step, which a new one is not.
 */
export function isWorthAnother(error: unknown): boolean {
  if (!GantryError.is(error)) return isTransient(error);
  if (error.registry !== undefined || error.facts?.["attempts"] !== undefined) return false;
  return isTransient(error) || isGarbled(error);
}

/** What came was not HTTP. */
const isGarbled = (error: GantryError): boolean =>
  error.code === "REGISTRY_PROTOCOL" && String(error.facts?.["cause"]).startsWith("HPE_");

/** True for a status that another attempt may not meet. */
export const isTransientStatus = (status: number): boolean =>
  status === 408 || status === 429 || status === 499 || status >= 500;

/**
 * Counts attempts that brought nothing new, and waits between them. Progress makes it forget: a transfer that gets on
 * by 64 KiB each time arrives (faults.md, D04).
 */
export class Attempts {
  readonly #patience: Patience;
  #barren = 0;

  constructor(patience: Patience) {
    this.#patience = patience;
  }

  /** Something new arrived. */
  progressed(): void {
    this.#barren = 0;
  }

  /** Waits before the next attempt. @throws the given failure when there have been enough */
  async again(
    failure: unknown,
    options: { signal?: AbortSignal | undefined; headers?: HeaderMap } = {},
  ): Promise<void> {
    this.#barren += 1;
    if (this.#barren >= this.#patience.attempts) throw failure;
    const asked = parseRetryAfter(options.headers?.["retry-after"], Date.now());
    const backoff = Math.min(MAX_DELAY, this.#patience.delay * 2 ** (this.#barren - 1));
    // Jitter upward of half, so that parallel uploads that broke together do not come back together.
    const delay = asked ?? backoff * (0.5 + Math.random() / 2);
    this.#patience.onAgain?.(failure instanceof Error ? failure.message : "the attempt failed", delay);
    await pause(delay, options.signal);
  }
}

/** Waits, or throws the signal's reason. */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
