import { isRepository } from "../spec/index.js";
import type { Access, Action } from "./access.js";
import { type Answer, type Exchange, json } from "./exchange.js";
import { Refusal } from "./refusal.js";
import type { Grant, TokenIssuer } from "./token-issuer.js";

const MAX_FORM = 64 * 1024;
const MAX_SCOPES = 64;
const REFRESH_SECONDS = 24 * 60 * 60;

/**
 * The token endpoint, both forms that clients use: GET with Basic credentials (distribution's token specification) and
 * POST of an OAuth2 form with a password or a refresh token. Grants what the user may do of what is asked for; what it
 * may not do is left out and not refused.
 */
export async function answerToken(access: Access, issuer: TokenIssuer, exchange: Exchange): Promise<Answer> {
  let user: string | undefined;
  let asked = exchange.query;
  let offline = asked.get("offline_token") === "true";
  if (exchange.method === "POST") {
    asked = new URLSearchParams(Buffer.from(await exchange.document(MAX_FORM)).toString("utf8"));
    offline = asked.get("access_type") === "offline";
    user = await userOf(access, issuer, asked);
  } else user = await access.login(exchange);

  const grants: Grant[] = [];
  const scopes = asked.getAll("scope").flatMap((scope) => scope.split(" "));
  for (const scope of scopes.slice(0, MAX_SCOPES)) {
    const grant = await grantOf(access, user, scope);
    if (grant !== undefined) grants.push(grant);
  }
  const token = issuer.issue({ sub: user ?? "", access: grants, use: "access" });
  const refresh =
    offline && user !== undefined
      ? { refresh_token: issuer.issue({ sub: user, access: [], use: "refresh" }, REFRESH_SECONDS) }
      : {};
  return json(
    200,
    {
      token,
      access_token: token,
      expires_in: issuer.lifetimeSeconds,
      issued_at: new Date().toISOString(),
      scope: grants.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" "),
      ...refresh,
    },
    { "cache-control": "no-store" },
  );
}

async function userOf(access: Access, issuer: TokenIssuer, form: URLSearchParams): Promise<string> {
  const grantType = form.get("grant_type");
  if (grantType === "password") return access.authenticate(form.get("username") ?? "", form.get("password") ?? "");
  if (grantType !== "refresh_token") throw new Refusal(400, "UNSUPPORTED", "grant_type is password or refresh_token");
  const claims = issuer.verify(form.get("refresh_token") ?? "", "refresh");
  if (claims === undefined) throw new Refusal(401, "UNAUTHORIZED", "the refresh token is not good any more");
  return claims.sub;
}

async function grantOf(access: Access, user: string | undefined, scope: string): Promise<Grant | undefined> {
  // The name may hold colons (a host with a port), so the first and the last one count.
  const [first, last] = [scope.indexOf(":"), scope.lastIndexOf(":")];
  if (first === last) return undefined;
  const type = scope.slice(0, first);
  const name = scope.slice(first + 1, last);
  const wanted = scope.slice(last + 1).split(",");
  if (type === "registry" && name === "catalog") return user === undefined ? undefined : { type, name, actions: ["*"] };
  if (type !== "repository" || !isRepository(name)) return undefined;
  const actions: Action[] = [];
  for (const action of ["pull", "push", "delete"] as const) {
    if ((wanted.includes(action) || wanted.includes("*")) && (await access.permitted(user, action, name)))
      actions.push(action);
  }
  return actions.length === 0 ? undefined : { type, name, actions };
}
