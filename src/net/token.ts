import { type ErrorCode, GantryError } from "../errors.js";
import { bytesBody, readAll } from "../streams/index.js";
import type { Credential } from "./credentials.js";
import { redactUrl } from "./redact.js";
import { parseRefusal } from "./refusal.js";
import type { HttpResponse, Transport } from "./transport.js";

/** A token service, as a challenge names it. */
export interface TokenService {
  readonly realm: URL;
  readonly service?: string | undefined;
}

/** A bearer token. */
export interface Token {
  readonly value: string;
  /** In milliseconds from when it was asked for. */
  readonly life: number;
}

/** The most that a token service may answer (threats.md row 55). */
const TOKEN_LIMIT = 1024 * 1024;

/** The life of a token whose service names none (token.md). */
const DEFAULT_LIFE = 60_000;

/** What a token service is asked with. */
export interface TokenQuestion {
  readonly service: TokenService;
  readonly scopes: readonly string[];
  readonly credential: Credential | undefined;
  readonly clientId: string;
}

/**
 * Asks a token service: GET with Basic or without credentials (token.md), POST for a refresh token (oauth.md) with
 * GET as the way back where the service knows no POST. Whether the realm may be asked is the caller's to decide.
 *
 * @throws GantryError UNAUTHORIZED when the credential is refused, REGISTRY_PROTOCOL when the answer is no token
 */
export async function fetchToken(send: Transport, question: TokenQuestion): Promise<Token> {
  const { credential } = question;
  if (credential?.kind === "bearer") return { value: credential.token, life: Number.POSITIVE_INFINITY };
  if (credential?.kind === "refresh") {
    const answer = await send({
      method: "POST",
      url: question.service.realm,
      headers: { "content-type": "application/x-www-form-urlencoded", accept: "application/json" },
      body: bytesBody(new TextEncoder().encode(refreshForm(question, credential.token))),
      repeat: "safe",
      secretBody: true,
    });
    if (answer.status !== 404 && answer.status !== 405) return tokenFrom(answer, question);
    await answer.discard();
    return tokenFrom(await get(send, question, basic("<token>", credential.token)), question);
  }
  return tokenFrom(
    await get(send, question, credential === undefined ? undefined : basic(credential.username, credential.password)),
    question,
  );
}

/** RFC 7617, in UTF-8. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`;
}

function get(send: Transport, question: TokenQuestion, authorization: string | undefined): Promise<HttpResponse> {
  const { service, scopes, credential, clientId } = question;
  const url = new URL(service.realm);
  if (service.service !== undefined) url.searchParams.append("service", service.service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  url.searchParams.append("client_id", clientId);
  if (credential?.kind === "basic") url.searchParams.append("account", credential.username);
  return send({
    method: "GET",
    url,
    headers: { accept: "application/json", ...(authorization === undefined ? {} : { authorization }) },
    repeat: "safe",
  });
}

function refreshForm(question: TokenQuestion, token: string): string {
  return new URLSearchParams({
    grant_type: "refresh_token",
    service: question.service.service ?? "",
    client_id: question.clientId,
    scope: question.scopes.join(" "),
    refresh_token: token,
  }).toString();
}

async function tokenFrom(answer: HttpResponse, question: TokenQuestion): Promise<Token> {
  const where = `token from ${redactUrl(question.service.realm)}, ${answer.status}`;
  if (answer.status !== 200) {
    const registry = await parseRefusal(answer);
    throw new GantryError(refusalCode(answer.status), "the token service refused to give a token", { where, registry });
  }
  const invalid = (what: string, cause?: unknown): GantryError =>
    new GantryError("REGISTRY_PROTOCOL", `the token service's answer ${what}`, { where, cause });
  const bytes = await readAll(answer.body, TOKEN_LIMIT, "the token service's answer");
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // The parser's own message quotes what it read, which may be a token.
    throw invalid("is not JSON");
  }
  if (typeof json !== "object" || json === null) throw invalid("is not an object");
  const fields: { token?: unknown; access_token?: unknown; expires_in?: unknown } = json;
  const value = [fields.token, fields.access_token].find((field) => typeof field === "string" && field !== "");
  if (typeof value !== "string") throw invalid("holds no token");
  // It becomes a header: nothing but visible ASCII may be in it.
  if (!/^[\x21-\x7e]+$/.test(value)) throw invalid("holds a token with characters that no token has");
  const seconds = Number(fields.expires_in ?? 0);
  return { value, life: seconds > 0 && seconds < 1e9 ? seconds * 1000 : DEFAULT_LIFE };
}

function refusalCode(status: number): ErrorCode {
  if (status === 401 || status === 400) return "UNAUTHORIZED";
  if (status === 403) return "DENIED";
  if (status === 429) return "RATE_LIMITED";
  return status >= 500 ? "REGISTRY_UNAVAILABLE" : "REGISTRY_REFUSED";
}
