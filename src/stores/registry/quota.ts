import type { HeaderMap } from "../../net/index.js";

/** How much more a registry lets somebody pull, as it says in its answers' headers. */
export interface Quota {
  readonly limit?: number;
  readonly remaining: number;
  /** The window that the limit is for, in seconds: Docker Hub counts six hours. */
  readonly window?: number;
  /** When the quota starts anew, in seconds since 1970, where the registry says so. */
  readonly resets?: number;
  /** Whom it counts for: Docker Hub says an address, or the user's id. */
  readonly countedFor?: string;
}

/**
 * Reads the headers of a quota: Docker Hub's (`ratelimit-remaining: 98;w=21600`, docs.docker.com/docker-hub/usage), the
 * names of draft-ietf-httpapi-ratelimit-headers, and those with `x-`. Undefined where there are none.
 */
export function readQuota(headers: HeaderMap, now: () => number = Date.now): Quota | undefined {
  const remaining = numberIn(headers["ratelimit-remaining"] ?? headers["x-ratelimit-remaining"]);
  if (remaining === undefined) return undefined;
  const stated = headers["ratelimit-limit"] ?? headers["x-ratelimit-limit"];
  const limit = numberIn(stated);
  const window = /;\s*w=(\d{1,9})/.exec(`${stated ?? ""} ${headers["ratelimit-remaining"] ?? ""}`)?.[1];
  const reset = numberIn(headers["ratelimit-reset"] ?? headers["x-ratelimit-reset"]);
  const countedFor = headers["docker-ratelimit-source"];
  return {
    ...(limit === undefined ? {} : { limit }),
    remaining,
    ...(window === undefined ? {} : { window: Number(window) }),
    // The draft counts seconds from now; others say a time.
    ...(reset === undefined ? {} : { resets: reset > LONG_AGO ? reset : Math.round(now() / 1000) + reset }),
    ...(countedFor === undefined || !/^[\x21-\x7e]{1,100}$/.test(countedFor) ? {} : { countedFor }),
  };
}

/** September 2001: no registry counts its window for longer. */
const LONG_AGO = 1_000_000_000;

function numberIn(text: string | undefined): number | undefined {
  const match = /^\s*(\d{1,12})\s*(?:[;,]|$)/.exec(text ?? "");
  return match === null ? undefined : Number(match[1]);
}
