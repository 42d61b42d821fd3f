import { createSign, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type Certificates, derOf } from "./certificates.js";

/** A token service by the distribution project's token protocol, for registries that only believe signed tokens. */
export interface TokenServer {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly certificates: Certificates;
  /** The scopes that each token was asked for, in order. */
  readonly asked: readonly string[][];
  stop(): Promise<void>;
}

/** Who may pull and push. Anonymous callers may pull only what `anonymous` names. */
export interface TokenRules {
  readonly user: string;
  readonly password: string;
  readonly anonymous?: readonly string[];
  /** Seconds that a token lives; short ones make clients renew in the middle of things. */
  readonly lifetime?: number;
  /** Whether it knows OAuth2's POST beside GET, as half of the services do. Default: yes. */
  readonly oauth2?: boolean;
}

/** Starts it on a free port of 127.0.0.1. It answers GET with Basic credentials and OAuth2's POST; tokens are signed with the server's key. */
export async function startTokenServer(certificates: Certificates, rules: TokenRules): Promise<TokenServer> {
  const key = readFileSync(certificates.key, "utf8");
  const asked: string[][] = [];
  const issuer = "gantry interop";
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    const form = request.method === "POST";
    if (form && rules.oauth2 === false) {
      response.writeHead(405).end();
      return;
    }
    const fields = form ? new URLSearchParams(await text(request)) : url.searchParams;
    const scopes = fields.getAll("scope").flatMap((scope) => scope.split(" "));
    asked.push(scopes);
    const given = form ? `${fields.get("username")}:${fields.get("password")}` : basic(request.headers.authorization);
    const known = given === `${rules.user}:${rules.password}`;
    if (!known && given !== undefined) {
      response.writeHead(401, { "content-type": "application/json" });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong user or password"}]}');
      return;
    }
    const access = scopes.flatMap((scope) => granted(scope, known, rules));
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: known ? rules.user : "",
      aud: fields.get("service"),
      exp: now + (rules.lifetime ?? 300),
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const token = sign({ typ: "JWT", alg: "RS256", x5c: [derOf(certificates.certificate)] }, claims, key);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ token, access_token: token, expires_in: rules.lifetime ?? 300 }));
  };
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    service: "interop",
    issuer,
    certificates,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function basic(authorization: IncomingMessage["headers"]["authorization"]): string | undefined {
  const encoded = /^Basic (.+)$/i.exec(authorization ?? "")?.[1];
  return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString();
}

function granted(
  scope: string,
  known: boolean,
  rules: TokenRules,
): { type: string; name: string; actions: string[] }[] {
  const first = scope.indexOf(":");
  const last = scope.lastIndexOf(":");
  if (first < 0 || first === last) return [];
  const [type, name] = [scope.slice(0, first), scope.slice(first + 1, last)];
  const wanted = scope.slice(last + 1).split(",");
  const allowed = known ? ["pull", "push", "delete", "*"] : rules.anonymous?.includes(name) ? ["pull"] : [];
  return [{ type, name, actions: wanted.filter((action) => allowed.includes(action)) }];
}

function sign(header: object, claims: object, key: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part(header)}.${part(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(key).toString("base64url")}`;
}
