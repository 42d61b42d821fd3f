import { createHash, timingSafeEqual } from "node:crypto";
import type { Exchange } from "./exchange.js";
import { Refusal } from "./refusal.js";
import type { Grant, TokenIssuer } from "./token-issuer.js";

/** What can be done with a repository. */
export type Action = "pull" | "push" | "delete";

/** Who may do what. Without a rule, users may do everything, and everybody may pull when `anonymousPull` is set. */
export interface AuthOptions {
  /** Names and passwords. They are compared in constant time. */
  readonly users?: ReadonlyMap<string, string>;
  /** Checks a name and a password some other way, for example against a file of hashes. */
  readonly verify?: (user: string, password: string) => boolean | Promise<boolean>;
  /** Lets those who are not logged in pull. Never the catalog. */
  readonly anonymousPull?: boolean;
  /** Narrows what a user, or undefined for nobody in particular, may do. */
  readonly allow?: (user: string | undefined, action: Action, repository: string) => boolean | Promise<boolean>;
  /** Bearer tokens instead of Basic: the registry has its own token endpoint then, at `/token`. */
  readonly token?: TokenOptions;
}

/** The token endpoint. */
export interface TokenOptions {
  /** How long a token is good for. Default 300. */
  readonly lifetimeSeconds?: number;
  /** The name that tokens are made for. Default `gantry`. */
  readonly service?: string;
  /** The key that signs tokens (HMAC-SHA256). Default: a random one, which dies with the server. */
  readonly key?: Uint8Array;
}

/** Who asks, as far as the registry knows. */
export interface Caller {
  readonly user: string | undefined;
  /** Whether the caller may ask for the catalog, as far as its token goes. */
  readonly mayList: boolean;
  may(action: Action, repository: string): Promise<boolean>;
}

/** What a request needs: an action on a repository, or to be logged in (`undefined`). */
export interface Need {
  readonly actions: readonly Action[];
  readonly repository: string;
}

const EVERYBODY: Caller = { user: undefined, mayList: true, may: () => Promise.resolve(true) };

/** Decides about requests. */
export class Access {
  readonly #options: AuthOptions | undefined;
  readonly #issuer: TokenIssuer | undefined;

  constructor(options: AuthOptions | undefined, issuer: TokenIssuer | undefined) {
    this.#options = options;
    this.#issuer = issuer;
  }

  /**
   * @param need undefined: the caller only has to be somebody
   * @param also what would be of use and is not needed: a challenge asks for it, to spare the client a second token
   * @throws Refusal 401 with a challenge; 403 when the caller is known and may not
   */
  async check(exchange: Exchange, need: Need | "login" | "catalog", also: readonly Need[] = []): Promise<Caller> {
    if (this.#options === undefined) return EVERYBODY;
    const issuer = this.#issuer;
    const caller = issuer === undefined ? await this.#basic(exchange) : this.#bearer(exchange, issuer, need, also);
    if (need === "login") {
      if (caller.user !== undefined || (issuer !== undefined && hasCredentials(exchange))) return caller;
      throw this.#challenge(need, also);
    }
    if (need === "catalog") {
      if (caller.user === undefined || !caller.mayList) throw this.#challenge(need, also);
      // A token for the catalog names no repository: what is listed is what its user could get a token for.
      return { ...caller, may: (action, repository) => this.permitted(caller.user, action, repository) };
    }
    for (const action of need.actions) {
      if (await caller.may(action, need.repository)) continue;
      if (caller.user === undefined || issuer !== undefined)
        throw this.#challenge(need, also, hasCredentials(exchange) ? "insufficient_scope" : undefined);
      throw new Refusal(403, "DENIED", `${caller.user} may not ${action} here`);
    }
    return caller;
  }

  /** The user of a request with Basic credentials; undefined for none. @throws Refusal 401 when they are wrong */
  async login(exchange: Exchange): Promise<string | undefined> {
    const header = exchange.header("authorization");
    if (header === undefined) return undefined;
    const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(header)?.[1];
    if (encoded === undefined) throw this.#challenge("login", []);
    const text = Buffer.from(encoded, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon === -1) throw this.#challenge("login", []);
    // Clients without credentials send empty ones when a registry asked for Basic.
    if (text === ":") return undefined;
    return this.authenticate(text.slice(0, colon), text.slice(colon + 1));
  }

  /** @throws Refusal 401 */
  async authenticate(user: string, password: string): Promise<string> {
    const known = this.#options?.users?.get(user);
    // An unknown name costs the same comparison as a known one (CVE-2023-20902).
    const same = sameText(known ?? "", password) && known !== undefined;
    if (same || (await this.#options?.verify?.(user, password)) === true) return user;
    throw this.#challenge("login", []);
  }

  /** What a user may do of what it asks for. */
  async permitted(user: string | undefined, action: Action, repository: string): Promise<boolean> {
    const options = this.#options;
    if (options === undefined) return true;
    if (user === undefined && !(options.anonymousPull === true && action === "pull")) return false;
    return options.allow === undefined || options.allow(user, action, repository);
  }

  async #basic(exchange: Exchange): Promise<Caller> {
    const user = await this.login(exchange);
    return { user, mayList: true, may: (action, repository) => this.permitted(user, action, repository) };
  }

  #bearer(exchange: Exchange, issuer: TokenIssuer, need: Need | "login" | "catalog", also: readonly Need[]): Caller {
    const header = exchange.header("authorization");
    if (header === undefined) return { user: undefined, mayList: false, may: () => Promise.resolve(false) };
    const token = /^bearer +(\S+) *$/i.exec(header)?.[1];
    const claims = token === undefined ? undefined : issuer.verify(token);
    if (claims === undefined) throw this.#challenge(need, also, "invalid_token");
    const granted = (action: Action, repository: string): boolean =>
      claims.access.some(
        ({ type, name, actions }) => type === "repository" && name === repository && actions.includes(action),
      );
    return {
      user: claims.sub === "" ? undefined : claims.sub,
      mayList: claims.access.some(({ type, name }) => type === "registry" && name === "catalog"),
      may: (action, repository) => Promise.resolve(granted(action, repository)),
    };
  }

  #challenge(need: Need | "login" | "catalog", also: readonly Need[], error?: string): Refusal {
    const issuer = this.#issuer;
    let challenge = 'Basic realm="gantry", charset="UTF-8"';
    if (issuer !== undefined) {
      const grants: Grant[] = [need, ...also].flatMap((one): Grant[] => {
        if (one === "login") return [];
        if (one === "catalog") return [{ type: "registry", name: "catalog", actions: ["*"] }];
        return [{ type: "repository", name: one.repository, actions: one.actions }];
      });
      challenge = issuer.challenge(grants, error);
    }
    return new Refusal(401, "UNAUTHORIZED", "authentication is required", { "www-authenticate": challenge });
  }
}

function hasCredentials(exchange: Exchange): boolean {
  return exchange.header("authorization") !== undefined;
}

function sameText(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}
