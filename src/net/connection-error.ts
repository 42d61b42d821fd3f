import { type ErrorCode, GantryError } from "../errors.js";
import { redactUrl } from "./redact.js";

/** What OpenSSL and Node say about certificates, in words. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate's authority is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate's authority is not known",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate's authority is not known",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate's authority is not known",
  CERT_UNTRUSTED: "its certificate is not trusted",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  CERT_REVOKED: "its certificate was revoked",
  CERT_REJECTED: "its certificate is not fit for this use",
  INVALID_PURPOSE: "its certificate is not fit for this use",
  HOSTNAME_MISMATCH: "its certificate is for another host",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
  UND_ERR_PRX_TLS: "the proxy's certificate is for another host",
};

/** What the system says about connections, in words. */
const FAILED: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while it was written to",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ECONNABORTED: "the connection was aborted",
  EADDRNOTAVAIL: "this machine has no free address to connect from",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_CLOSED: "the client was closed",
  UND_ERR_DESTROYED: "the client was closed",
};

/** The system's name of what happened, however deep it is wrapped. */
export function causeCode(error: unknown): string | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; depth += 1) {
    if (GantryError.is(at)) return typeof at.facts?.["cause"] === "string" ? at.facts["cause"] : causeCode(at.cause);
    const code: unknown = "code" in at ? at.code : undefined;
    if (typeof code === "string" && code !== "UND_ERR_SOCKET") return code;
    // undici's parser does not always say which rule was broken.
    if (at.name === "HTTPParserError") return "HPE_INVALID";
    // Happy eyeballs: one error for each address that was tried.
    const inner: unknown = at instanceof AggregateError ? at.errors[0] : at.cause;
    if (inner === undefined) return typeof code === "string" ? code : undefined;
    at = inner;
  }
  return undefined;
}

/**
 * A failure below HTTP, in gantry's words: TLS_UNTRUSTED with what is wrong with the certificate, TIMEOUT for a
 * connection that did not come about, REGISTRY_PROTOCOL for what is not HTTP, else CONNECTION_FAILED. The fact `cause`
 * is the system's name of it.
 */
export function connectionError(error: unknown, method: string, url: URL): GantryError {
  if (GantryError.is(error)) return error;
  const code = causeCode(error) ?? "UNKNOWN";
  const where = `${method} ${redactUrl(url)}`;
  const details = { where, cause: error, facts: { cause: code, host: url.host } };
  const make = (kind: ErrorCode, message: string, hint?: string): GantryError =>
    new GantryError(kind, message, { ...details, hint });
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) {
    const names = /^HOSTNAME|ALTNAME/.test(code) ? altNames(error) : "";
    return make(
      "TLS_UNTRUSTED",
      `${url.host} is not trusted: ${untrusted}${names}`,
      "Name the directory of its authority with --cert-dir, or accept any certificate with --tls-verify=false.",
    );
  }
  const text = error instanceof Error ? error.message : String(error);
  if (
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/.test(code) ||
    /wrong version number|packet length too long/.test(text)
  ) {
    return make(
      "TLS_UNTRUSTED",
      `${url.host} does not speak TLS`,
      "If it is meant to speak plain HTTP, say so with --tls-verify=false.",
    );
  }
  if (/CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|CERTIFICATE_UNKNOWN/.test(code)) {
    return make(
      "TLS_UNTRUSTED",
      `${url.host} asks for a client certificate or does not accept ours`,
      "Put a .cert and .key pair into --cert-dir.",
    );
  }
  if (code.startsWith("ERR_SSL_") || code === "EPROTO")
    return make("TLS_UNTRUSTED", `the TLS handshake with ${url.host} failed`);
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT")
    return make("TIMEOUT", `${url.host} does not answer: no connection came about`);
  if (code === "UND_ERR_HEADERS_OVERFLOW" || code === "HPE_HEADER_OVERFLOW")
    return make("REGISTRY_PROTOCOL", `${url.host} sent headers that are too large`);
  if (code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH")
    return make("SOURCE_CHANGED", "the content changed its length while it was sent");
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH")
    return make("CONNECTION_FAILED", `${url.host} ended its answer early`);
  if (code.startsWith("HPE_") || (error instanceof Error && error.name === "HTTPParserError"))
    return make("REGISTRY_PROTOCOL", `${url.host} answered something that is not HTTP`);
  if (/^Proxy response \((\d+)\)/.test(text)) {
    const status = Number(/\d+/.exec(text)![0]);
    return new GantryError("CONNECTION_FAILED", `the proxy refused to connect to ${url.host} with status ${status}`, {
      ...details,
      facts: { cause: status >= 500 ? "PROXY" : "PROXY_REFUSED", host: url.host },
    });
  }
  return make("CONNECTION_FAILED", `${url.host}: ${FAILED[code] ?? "the connection failed"}`);
}

function altNames(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const cert: unknown = "cert" in at ? at.cert : undefined;
    if (
      typeof cert === "object" &&
      cert !== null &&
      "subjectaltname" in cert &&
      typeof cert.subjectaltname === "string"
    ) {
      return ` (${cert.subjectaltname.slice(0, 200)})`;
    }
  }
  return "";
}
