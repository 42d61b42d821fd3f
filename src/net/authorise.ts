import { GantryError, type RegistryAnswer } from "../errors.js";
import { type Challenge, parseChallenges } from "./challenge.js";
import type { Credential, CredentialSource, Found } from "./credentials.js";
import { checkTarget, reach, realmAllowed, sameOrigin } from "./origin.js";
import { escapeControls, redactUrl } from "./redact.js";
import { parseRefusal } from "./refusal.js";
import { repositoryOf, scopeList, scopeSet } from "./scopes.js";
import { basic, fetchToken, type TokenService } from "./token.js";
import { TokenCache } from "./token-cache.js";
import type { HttpRequest, HttpResponse, Middleware, Transport } from "./transport.js";

/** What `authorise` needs to know. */
export interface AuthoriseOptions {
  /** The host's name as the user says it, which credentials are looked up by: `docker.io`. */
  readonly host: string;
  /** Where that host answers: the only origin that gets an Authorization. */
  readonly registry: URL;
  readonly credentials: CredentialSource;
  /**
   * Sends the requests to token services, which mostly stand at another host: the host's transport without `authorise`,
   * and with `redirects()` that has no home, since the realm was judged here.
   */
  readonly tokens: Transport;
  /** Sent as it is, instead of anything else (`--registry-token`). */
  readonly registryToken?: string | undefined;
  /** Hosts of token services that are trusted although they are elsewhere. */
  readonly realms?: readonly string[] | undefined;
  readonly clientId?: string | undefined;
  readonly now?: (() => number) | undefined;
}

/** What a request was sent with. */
interface Proof {
  readonly kind: "basic" | "bearer";
  readonly header: string;
  /** The bearer token. */
  readonly token?: string;
  readonly found?: Found | undefined;
}

/**
 * Proves who is asking, in the way that the registry's first challenge says: Basic, or a bearer token from the token
 * service that it names. What was learned is used from the first byte of later requests. After a 401 it brings one
 * new proof, and sends the same request once more from its beginning, its body opened again; a PUT or PATCH that was
 * refused so has changed nothing.
 *
 * No other origin than the registry's gets an Authorization, and no token service elsewhere gets credentials
 * (`realmAllowed`). A server elsewhere that a registry leads to and that asks for credentials gets an error.
 *
 * @throws GantryError UNAUTHORIZED with where the credentials came from, ORIGIN_REFUSED, and what the credential
 *   source and the token service throw
 */
export function authorise(options: AuthoriseOptions): Middleware {
  const { registry, host } = options;
  const cache = new TokenCache(options.now ?? Date.now);
  const credentials = new Map<string, Promise<Found | undefined>>();
  let learned: { kind: "basic" } | { kind: "bearer"; service: TokenService } | undefined;
  /** Basic headers that the registry has accepted: when one of them is refused it has expired. */
  let worked: string | undefined;

  return (next) => async (request) => {
    const scopes = scopeSet(...(request.scopes ?? []));
    const own = sameOrigin(request.url, registry);
    let proof = own ? await known(request) : undefined;
    let response = await next(proved(request, proof));
    for (let round = 0; response.status === 401; round += 1) {
      if (!own || !sameOrigin(response.url, registry)) throw await strangerAsks(response);
      const renewed = round < 2 ? await renew(request, response, proof, round) : undefined;
      if (renewed === undefined) throw unauthorised(request, proof, await parseRefusal(response));
      await response.discard();
      proof = renewed;
      response = await next(proved(request, proof));
    }
    if (proof?.kind === "basic" && response.status < 400) worked = proof.header;
    return response;

    /** What was learned from earlier challenges. */
    async function known(request: HttpRequest): Promise<Proof | undefined> {
      if (options.registryToken !== undefined) return bearer(options.registryToken);
      if (learned?.kind === "basic") return basicProof(await find(request, "first"));
      if (learned?.kind === "bearer") return bearerProof(request, learned.service, scopes, "first");
      return undefined;
    }

    /** A proof that was not tried yet, if there is one. */
    async function renew(
      request: HttpRequest,
      refused: HttpResponse,
      tried: Proof | undefined,
      round: number,
    ): Promise<Proof | undefined> {
      if (options.registryToken !== undefined) return undefined;
      const challenge = choose(parseChallenges(refused.headers["www-authenticate"] ?? ""));
      if (challenge?.scheme === "bearer") {
        // A token that was fetched a moment ago is refused for a reason that a third one would not cure.
        if (round > 0 && tried?.kind === "bearer") return undefined;
        const service = await tokenService(challenge, request);
        learned = { kind: "bearer", service };
        if (tried?.token !== undefined) cache.drop(tried.token);
        const wanted = scopeSet(...(request.scopes ?? []), challenge.parameters.get("scope") ?? "");
        return bearerProof(request, service, wanted, tried?.kind === "bearer" ? "expired" : "first");
      }
      if (challenge?.scheme !== "basic") return undefined;
      learned = { kind: "basic" };
      if (tried?.kind !== "basic") return basicProof(await find(request, "first"));
      const again = basicProof(await find(request, tried.header === worked ? "expired" : "rejected"));
      return again?.header === tried.header ? undefined : again;
    }
  };

  async function bearerProof(
    request: HttpRequest,
    service: TokenService,
    scopes: ReturnType<typeof scopeSet>,
    why: "first" | "expired",
  ): Promise<Proof> {
    const kept = cache.find(service, scopes);
    const fetching =
      kept ??
      cache.get(service, scopes, async () => {
        const question = { service, scopes: scopeList(scopes), clientId: options.clientId ?? "gantry" };
        const found = await find(request, why);
        try {
          return await fetchToken(options.tokens, { ...question, credential: await forRealm(service, found) });
        } catch (error) {
          if (!GantryError.is(error) || error.code !== "UNAUTHORIZED") throw error;
          const other = found === undefined ? undefined : await find(request, "rejected");
          if (other === undefined || same(other.credential, found!.credential)) {
            throw unauthorised(request, { kind: "bearer", header: "", found }, error.registry);
          }
          return fetchToken(options.tokens, { ...question, credential: await forRealm(service, other) });
        }
      });
    const token = await orAborted(Promise.resolve(fetching), request.signal);
    return { ...bearer(token), found: await find(request, "first") };
  }

  /** The credential for a token service, when that service may have it. */
  async function forRealm({ realm }: TokenService, found: Found | undefined): Promise<Credential | undefined> {
    if (await realmAllowed(registry, realm, options.realms)) return found?.credential;
    // Gateways in front of public registries (lscr.io) name the token service of what stands behind them: who has no
    // credentials has none to lose.
    if (found === undefined && realm.protocol === "https:" && reach(realm.host) === "public") return undefined;
    throw new GantryError("ORIGIN_REFUSED", `${host} names a token service elsewhere, ${redactUrl(realm)}`, {
      hint: "No credentials were sent there. If it is the right one, allow its host as a token realm.",
      facts: { host, realm: realm.host },
    });
  }

  async function tokenService(challenge: Challenge, request: HttpRequest): Promise<TokenService> {
    const written = challenge.parameters.get("realm") ?? "";
    if (!URL.canParse(written)) {
      throw new GantryError("REGISTRY_PROTOCOL", `${host} asks for a token but names no usable token service`, {
        where: `${request.method} ${redactUrl(request.url)}`,
        facts: { realm: escapeControls(written.slice(0, 200)) },
      });
    }
    const realm = new URL(written);
    if (!(await realmAllowed(registry, realm, options.realms))) {
      checkTarget(registry, realm, registry, "names a token service at");
    }
    return { realm, service: challenge.parameters.get("service") };
  }

  /** Asks the source once for each repository, and again when what it gave is no good. */
  function find(request: HttpRequest, why: "first" | "expired" | "rejected"): Promise<Found | undefined> {
    const repository = repositoryOf(request.scopes);
    const key = repository ?? "";
    const before = credentials.get(key);
    if (before !== undefined && why === "first") return before;
    const asked = options.credentials.find({ host, ...(repository === undefined ? {} : { repository }) }, why);
    if (credentials.size > 1_000) credentials.clear();
    credentials.set(key, asked);
    // A source that failed is asked again by the next request.
    asked.catch(() => credentials.delete(key));
    return asked;
  }

  function unauthorised(
    request: HttpRequest,
    proof: Proof | undefined,
    answer: RegistryAnswer | undefined,
  ): GantryError {
    const scopes = request.scopes ?? [];
    const what = scopes.length > 0 ? scopes.join(" ") : `${request.method} ${redactUrl(request.url)}`;
    const said = answer?.errors.find((error) => error.message !== undefined)?.message;
    return new GantryError("UNAUTHORIZED", `not authorised${said === undefined ? "" : `: ${said}`}`, {
      where: `${host}, ${what}`,
      registry: answer,
      hint: whoAsks(proof, options.registryToken !== undefined, host),
      facts: { host },
    });
  }

  async function strangerAsks(response: HttpResponse): Promise<GantryError> {
    await response.discard();
    return new GantryError("UNAUTHORIZED", `${response.url.host}, where ${host} sent us, asks for credentials`, {
      where: redactUrl(response.url),
      hint: `What belongs to ${host} is not sent to other hosts; the address may have expired.`,
      facts: { host: response.url.host },
    });
  }
}

function whoAsks(proof: Proof | undefined, registryToken: boolean, host: string): string {
  if (registryToken) return "The registry token was not accepted.";
  const found = proof?.found;
  if (found === undefined) return `No credentials were found for ${host}; run \`gantry login ${host}\`.`;
  const name = found.credential.kind === "basic" ? ` as "${escapeControls(found.credential.username)}"` : "";
  return `Logged in${name} from ${found.origin}; run \`gantry login ${host}\` for another account.`;
}

/** A token tells less than a password: Bearer is taken where both are offered. */
function choose(challenges: readonly Challenge[]): Challenge | undefined {
  return challenges.find(({ scheme }) => scheme === "bearer") ?? challenges.find(({ scheme }) => scheme === "basic");
}

function bearer(token: string): Proof {
  return { kind: "bearer", header: `Bearer ${token}`, token };
}

/** A refresh token is no password: only a token service knows what to do with it. */
function basicProof(found: Found | undefined): Proof | undefined {
  if (found === undefined || found.credential.kind === "refresh") return undefined;
  if (found.credential.kind === "bearer") return { ...bearer(found.credential.token), found };
  return { kind: "basic", header: basic(found.credential.username, found.credential.password), found };
}

function proved(request: HttpRequest, proof: Proof | undefined): HttpRequest {
  return proof === undefined ? request : { ...request, headers: { ...request.headers, authorization: proof.header } };
}

function same(a: Credential, b: Credential): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Waits for what others wait for too: one who gives up must not take it from them. */
async function orAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared;
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([shared, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort!);
  }
}
