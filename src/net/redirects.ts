import { GantryError } from "../errors.js";
import { checkTarget, sameOrigin } from "./origin.js";
import { redactUrl } from "./redact.js";
import type { HttpRequest, HttpResponse, Middleware } from "./transport.js";

/** How many redirects are followed for one request. */
const MOST = 10;

/** What belongs to the origin that it was made for (undici CVE-2024-24758, CVE-2024-30260 and their kin). */
const SECRET = new Set(["authorization", "cookie", "proxy-authorization"]);

/**
 * Follows 301, 302, 303, 307 and 308 (RFC 9110 section 15.4), the body opened again for each sending. Secrets leave
 * at the first step to another origin and do not come back, not even when a later step does (threats.md rows 7, 17,
 * 18; distribution-spec: "clients MUST NOT forward Authorization across host boundaries"). Never down from HTTPS,
 * never from outside into a private network (`checkTarget`).
 *
 * @param home where the requests on behalf of a host belong: one that begins elsewhere has no secrets and is checked
 *   like a redirect. Without it each request's own origin is its home, for what was judged before (token services).
 * @throws GantryError ORIGIN_REFUSED, REGISTRY_PROTOCOL for a loop or more than ten steps
 */
export function redirects(home?: URL): Middleware {
  return (next) => async (request) => {
    const registry = home ?? request.url;
    // A registry's answers lead here too: an upload's Location, a page's Link, a foreign layer's URL.
    if (!sameOrigin(request.url, registry)) checkTarget(registry, request.url, registry, "sends us to");
    let current = sameOrigin(request.url, registry) ? request : withoutSecrets(request);
    const seen = new Set<string>();
    for (let step = 0; ; step += 1) {
      const response = await next(current);
      const location = response.headers["location"];
      if (!isRedirect(response.status) || location === undefined) return response;
      await response.discard();
      const target = parseLocation(location, current.url, request);
      seen.add(`${current.method} ${current.url.href}`);
      if (seen.has(`${current.method} ${target.href}`) || step >= MOST) {
        throw new GantryError(
          "REGISTRY_PROTOCOL",
          step >= MOST ? `more than ${MOST} redirects` : "the redirects go in a circle",
          {
            where: `${request.method} ${redactUrl(request.url)}`,
          },
        );
      }
      checkTarget(current.url, target, registry, "redirects to");
      current = follow(current, target, response);
    }
  };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

function parseLocation(location: string, base: URL, request: HttpRequest): URL {
  if (location.length <= 16 * 1024 && URL.canParse(location, base.href)) {
    const target = new URL(location, base);
    target.hash = "";
    return target;
  }
  throw new GantryError("REGISTRY_PROTOCOL", "a redirect leads to what is no URL", {
    where: `${request.method} ${redactUrl(request.url)}`,
  });
}

function follow(request: HttpRequest, target: URL, { status }: HttpResponse): HttpRequest {
  const away = !sameOrigin(request.url, target);
  const stays = away ? withoutSecrets(request) : request;
  const reading = request.method === "GET" || request.method === "HEAD";
  // A 303 says "look there". 301 and 302 would turn a POST into a GET in a browser; an upload turned into a GET has
  // lost its content, so those keep the method, as 307 and 308 do.
  if (status === 303 && !reading) {
    const { body: _body, ...rest } = stays;
    return { ...rest, method: "GET", url: target };
  }
  if (away && request.secretBody === true) {
    throw new GantryError("ORIGIN_REFUSED", `${request.url.host} redirects a secret to ${target.host}`, {
      where: `${request.method} ${redactUrl(request.url)}`,
    });
  }
  return { ...stays, url: target };
}

function withoutSecrets(request: HttpRequest): HttpRequest {
  const headers = Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(([name]) => !SECRET.has(name.toLowerCase())),
  );
  return { ...request, headers };
}
