import { GantryError } from "../../errors.js";
import { type HttpResponse, parseLinks } from "../../net/index.js";

/**
 * A place that a registry named, absolute or relative to the URL that answered (RFC 3986). A registry behind a proxy
 * that ends TLS often writes `http://` for itself: the same host is then asked over TLS. Any other step from TLS to
 * plain text is refused, for it would show content that was private until here.
 *
 * @throws GantryError REGISTRY_PROTOCOL, ORIGIN_REFUSED
 */
export function placeNamedBy(response: HttpResponse, text: string, what: string): URL {
  if (!URL.canParse(text, response.url.href)) {
    throw new GantryError("REGISTRY_PROTOCOL", `the registry's ${what} is not a URL`, { where: response.url.host });
  }
  const url = new URL(text, response.url);
  if (url.protocol === "http:" && response.url.protocol === "https:") {
    if (url.hostname === response.url.hostname) {
      url.protocol = "https:";
      if (url.port === "" || url.port === "80") url.port = response.url.port;
    } else {
      throw refused(`the registry's ${what} leads from TLS to plain HTTP at ${url.host}`, response);
    }
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw refused(`the registry's ${what} has the scheme ${url.protocol.slice(0, 20)}`, response);
  }
  if (url.username !== "" || url.password !== "") throw refused(`the registry's ${what} carries credentials`, response);
  url.hash = "";
  return url;
}

/** The page that follows, from `Link: <…>; rel="next"` (RFC 8288); undefined at the last one. */
export function nextPage(response: HttpResponse): URL | undefined {
  const next = parseLinks(response.headers["link"] ?? "").find(({ rel }) => rel.includes("next"));
  return next === undefined ? undefined : placeNamedBy(response, next.target, "link to the next page");
}

function refused(message: string, response: HttpResponse): GantryError {
  return new GantryError("ORIGIN_REFUSED", message, { where: response.url.host });
}
