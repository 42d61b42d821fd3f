import { GantryError } from "../../errors.js";
import { escapeControls, parseChallenges, redactUrl } from "../../net/index.js";
import type { DoctorClient } from "./client.js";
import type { Findings } from "./finding.js";

/** How a registry asks who is there, and whether it takes the answer. */
export interface AccessCheck {
  readonly firstByte: number;
  /** Seconds that the registry's clock is ahead; undefined where it tells no time. */
  readonly clockSkew?: number;
  /** Whose word it is that may go on: what refused it. */
  readonly refused?: GantryError;
}

/** A token that lives five minutes does not survive more. */
const MOST_SKEW = 60;

/** Looks at the ping, at what it asks for, at the credential that fits, and at what comes of it. */
export async function checkAccess(
  client: DoctorClient,
  repository: string | undefined,
  findings: Findings,
): Promise<AccessCheck> {
  const began = performance.now();
  const ping = await client.ask("GET", "/v2/", { anonymous: true });
  const firstByte = performance.now() - began;
  const version = ping.headers["docker-distribution-api-version"];
  const software = ping.headers["server"];
  const who = [version, software].filter((text) => text !== undefined).map((text) => escapeControls(text.slice(0, 60)));
  if (![200, 401, 403].includes(ping.status)) {
    findings.no(
      "registry",
      `GET /v2/ answers ${ping.status}`,
      "What answers there is no registry, or something stands before it.",
    );
    throw new GantryError("REGISTRY_PROTOCOL", `GET /v2/ answers ${ping.status}`, { where: client.host.name });
  }
  findings.ok("registry", `GET /v2/ answers ${ping.status}${who.length === 0 ? "" : ` (${who.join(", ")})`}`);
  const skew = clockSkew(ping.headers["date"], began);
  if (skew === undefined) findings.unknown("clock", "the registry tells no time");
  else if (Math.abs(skew) > MOST_SKEW)
    findings.no(
      "clock",
      `the registry's is ${Math.abs(skew)} s ${skew > 0 ? "ahead" : "behind"}`,
      "Tokens may count as expired; set this machine's clock.",
    );
  else findings.ok("clock", `within ${Math.max(1, Math.abs(skew))} s of this machine's`);

  const challenge = parseChallenges(ping.headers["www-authenticate"] ?? "").find(
    ({ scheme }) => scheme === "bearer" || scheme === "basic",
  );
  if (ping.status === 200) findings.ok("authentication", "none is needed to ask");
  else if (challenge === undefined)
    findings.no(
      "authentication",
      "it refuses and does not say how to prove who is asking",
      "A proxy may have removed WWW-Authenticate.",
    );
  else if (challenge.scheme === "basic") findings.ok("authentication", "Basic");
  else {
    const realm = challenge.parameters.get("realm") ?? "";
    findings.ok(
      "authentication",
      `Bearer, tokens from ${URL.canParse(realm) ? redactUrl(new URL(realm)) : "nowhere usable"}`,
    );
  }
  await checkCredential(client, repository, findings);
  const result = { firstByte, ...(skew === undefined ? {} : { clockSkew: skew }) };
  try {
    const to = repository === undefined ? "/v2/" : `/v2/${repository}/tags/list?n=1`;
    const answer = await client.ask("GET", to, {
      scopes: repository === undefined ? [] : [`repository:${repository}:pull`],
    });
    if (answer.status === 403)
      throw new GantryError("DENIED", "the credentials do not allow it", { where: `GET ${to}` });
    findings.ok("login", answer.status === 404 ? "taken; the repository does not exist yet" : "taken");
    return result;
  } catch (error) {
    if (
      !GantryError.is(error) ||
      (error.code !== "UNAUTHORIZED" && error.code !== "DENIED" && error.code !== "CREDENTIALS_INVALID")
    )
      throw error;
    findings.no("login", error.message, error.hint ?? `Run gantry login ${client.host.name}.`);
    return { ...result, refused: error };
  }
}

async function checkCredential(
  client: DoctorClient,
  repository: string | undefined,
  findings: Findings,
): Promise<void> {
  const { name, registryToken, credentials } = client.host;
  if (registryToken !== undefined) {
    findings.ok("credential", "--registry-token, sent as it is");
    return;
  }
  const scope = { host: name, ...(repository === undefined ? {} : { repository }) };
  try {
    const found = await credentials?.find(scope, "first");
    if (found === undefined) {
      findings.unknown("credential", "none was found: asked as anybody", `gantry login ${name} keeps one.`);
      return;
    }
    const { credential, origin } = found;
    const who =
      credential.kind === "basic"
        ? `user ${escapeControls(credential.username)}`
        : credential.kind === "refresh"
          ? "an identity token"
          : "a bearer token";
    findings.ok("credential", `${who}, from ${origin}`);
  } catch (error) {
    findings.no(
      "credential",
      error instanceof Error ? error.message : "unusable",
      GantryError.is(error) ? error.hint : undefined,
    );
  }
}

function clockSkew(date: string | undefined, began: number): number | undefined {
  const theirs = Date.parse(date ?? "");
  if (Number.isNaN(theirs)) return undefined;
  // The header has whole seconds; the request was answered some time between its start and now.
  const ours = Date.now() - (performance.now() - began) / 2;
  return Math.round((theirs + 500 - ours) / 1000);
}
