import type { Access, Caller, Need } from "./access.js";
import { answerBlob } from "./blobs.js";
import { type Answer, type Exchange, json } from "./exchange.js";
import { answerCatalog, answerTags } from "./lists.js";
import { answerManifest } from "./manifests.js";
import { answerReferrers } from "./referrers.js";
import { Refusal } from "./refusal.js";
import type { Registry } from "./registry.js";
import { METHODS, parseRoute, type Route } from "./routes.js";
import { answerToken } from "./token-endpoint.js";
import type { TokenIssuer } from "./token-issuer.js";
import { answerUpload, answerUploads } from "./uploads.js";
import { isRepository } from "../spec/index.js";

/** Everything that a request is answered with. */
export interface Desk {
  readonly registry: Registry;
  readonly access: Access;
  readonly issuer: TokenIssuer | undefined;
}

/**
 * Finds the route, lets the caller through or not, and answers.
 *
 * @throws Refusal
 */
export async function answer(desk: Desk, exchange: Exchange, path: string): Promise<Answer> {
  const { registry, access, issuer } = desk;
  const route = parseRoute(path);
  const methods = METHODS[route.kind];
  if (!methods.includes(exchange.method))
    throw new Refusal(405, "UNSUPPORTED", `${exchange.method} is not for this path`, { allow: methods.join(", ") });
  if (route.kind === "token") {
    if (issuer === undefined) throw new Refusal(404, "UNSUPPORTED", "there is nothing at this path");
    return answerToken(access, issuer, exchange);
  }
  const caller = await admit(access, exchange, route);
  switch (route.kind) {
    case "ping":
      return json(200, {});
    case "catalog":
      return answerCatalog(registry, exchange, caller);
    case "blob":
      return answerBlob(registry, exchange, route.repository, route.digest);
    case "uploads":
      return answerUploads(registry, exchange, route.repository, caller);
    case "upload":
      return answerUpload(registry, exchange, route.repository, route.id);
    case "manifest":
      return answerManifest(registry, exchange, route.repository, route.reference);
    case "tags":
      return answerTags(registry, exchange, route.repository);
    case "referrers":
      return answerReferrers(registry, exchange, route.repository, route.digest);
  }
}

async function admit(access: Access, exchange: Exchange, route: Exclude<Route, { kind: "token" }>): Promise<Caller> {
  if (route.kind === "ping") return access.check(exchange, "login");
  if (route.kind === "catalog") return access.check(exchange, "catalog");
  const { repository } = route;
  const need: Need = { repository, actions: actionsOf(route.kind, exchange.method) };
  const from = route.kind === "uploads" ? exchange.query.get("from") : null;
  const also = from !== null && isRepository(from) ? [{ repository: from, actions: ["pull"] as const }] : [];
  return access.check(exchange, need, also);
}

function actionsOf(kind: Route["kind"], method: string): Need["actions"] {
  if (kind === "uploads" || kind === "upload") return ["pull", "push"];
  if (method === "PUT") return ["pull", "push"];
  return method === "DELETE" ? ["delete"] : ["pull"];
}
