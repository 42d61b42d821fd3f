import type { Middleware } from "./transport.js";

/** Counts what is sent. */
export interface RequestCounter {
  requests: number;
}

/** Adds one to `counter.requests` for each request that is sent; innermost, it counts tokens, redirects and retries too. */
export function countRequests(counter: RequestCounter): Middleware {
  return (next) => (request) => {
    counter.requests += 1;
    return next(request);
  };
}
