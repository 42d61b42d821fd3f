import { parseRetryAfter } from "./retry-after.js";
import { sleep } from "./sleep.js";
import type { Middleware } from "./transport.js";

/** What `budget` needs to know. */
export interface BudgetOptions {
  /** Requests in flight to one host, and as many uploads. */
  readonly concurrency?: number | undefined;
  readonly now?: (() => number) | undefined;
  readonly sleep?: ((milliseconds: number, signal?: AbortSignal) => Promise<void>) | undefined;
}

const DEFAULT_CONCURRENCY = 16;

interface Lane {
  free: number;
  readonly queue: (() => void)[];
}

interface Host {
  readonly asking: Lane;
  readonly sending: Lane;
  notBefore: number;
}

/**
 * Holds a host's load together: so many requests at once, and when the host answers 429 or 503 with a Retry-After,
 * all of them wait for it, not only the one that was told (faults.md P16).
 *
 * A place is held until the headers are there. Requests with a body have places of their own: a body may be read from
 * the same host while it is sent, and the two must not wait for each other's places.
 */
export function budget(options: BudgetOptions = {}): Middleware {
  const places = Math.max(1, options.concurrency ?? DEFAULT_CONCURRENCY);
  const now = options.now ?? Date.now;
  const pause = options.sleep ?? sleep;
  const hosts = new Map<string, Host>();

  return (next) => async (request) => {
    const host = hostOf(request.url.host);
    const lane = request.body === undefined ? host.asking : host.sending;
    await take(lane, request.signal);
    try {
      for (let wait = host.notBefore - now(); wait > 0; wait = host.notBefore - now())
        await pause(wait, request.signal);
      const response = await next(request);
      if (response.status === 429 || response.status === 503) {
        const asked = parseRetryAfter(response.headers["retry-after"], now());
        if (asked !== undefined) host.notBefore = Math.max(host.notBefore, now() + asked);
      }
      return response;
    } finally {
      const waiting = lane.queue.shift();
      if (waiting === undefined) lane.free += 1;
      else waiting();
    }
  };

  function hostOf(name: string): Host {
    let host = hosts.get(name);
    if (host === undefined) {
      host = { asking: { free: places, queue: [] }, sending: { free: places, queue: [] }, notBefore: 0 };
      hosts.set(name, host);
    }
    return host;
  }
}

/** Takes a place, or waits in line for one. */
function take(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  if (lane.free > 0) {
    lane.free -= 1;
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const granted = (): void => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = (): void => {
      lane.queue.splice(lane.queue.indexOf(granted), 1);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    lane.queue.push(granted);
  });
}
