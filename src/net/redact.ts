/** Query values that grant something: signatures, tokens, upload state (threats.md row 15). */
const SECRET_QUERY =
  /^(x-amz-.*|x-goog-.*|x-oss-.*|x-cos-.*|sig|signature|se|sp|sv|skoid|sktid|token|access_token|refresh_token|id_token|_state|state|password|passwd|secret|key-pair-id|policy|hmac|code|awsaccesskeyid|googleaccessid|verify|auth|authorization|session)$/i;

/** Headers whose value is a secret. */
const SECRET_HEADERS = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
  "x-registry-auth",
  "x-registry-config",
  "authentication-info",
  "x-amz-security-token",
]);

/** What stands in a secret's place. */
const MASK = "***";

/** A URL that can be shown: without user name, fragment and the values of query parameters that grant something. */
export function redactUrl(url: URL | string): string {
  let shown: URL;
  try {
    shown = new URL(url);
  } catch {
    return escapeControls(String(url).replace(/[?#].*$/s, ""));
  }
  if (shown.username !== "" || shown.password !== "") {
    shown.username = MASK;
    shown.password = "";
  }
  shown.hash = "";
  if (shown.search !== "") {
    const query = shown.search
      .slice(1)
      .split("&")
      .map((pair) => {
        const equals = pair.indexOf("=");
        const name = equals < 0 ? pair : pair.slice(0, equals);
        return equals >= 0 && SECRET_QUERY.test(decoded(name)) ? `${name}=${MASK}` : pair;
      });
    shown.search = query.join("&");
  }
  return escapeControls(shown.href);
}

/** A header's value that can be shown. Of Authorization the scheme stays, for it tells what was tried. */
export function redactHeader(name: string, value: string): string {
  const lower = name.toLowerCase();
  if (SECRET_HEADERS.has(lower)) {
    const scheme = /^(Basic|Bearer|Negotiate|Digest)\s/i.exec(value)?.[1];
    return scheme === undefined ? MASK : `${scheme} ${MASK}`;
  }
  if (lower === "location" || lower === "content-location") return redactLocation(value);
  if (lower === "link")
    return escapeControls(value.replace(/<([^>]*)>/g, (_, target: string) => `<${redactLocation(target)}>`));
  return escapeControls(value);
}

/** Text from outside, fit for a terminal: control characters (C0, DEL, C1) and bidirectional overrides as `\x1b` (threats.md row 91). */
export function escapeControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

function redactLocation(value: string): string {
  if (URL.canParse(value)) return redactUrl(value);
  // A relative one: borrowed an origin to be parsed, and given back without it.
  const base = "http://relative.invalid";
  if (!URL.canParse(value, base)) return escapeControls(value.replace(/[?#].*$/s, ""));
  const shown = redactUrl(new URL(value, base));
  return shown.startsWith(base) ? shown.slice(base.length) : shown;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
