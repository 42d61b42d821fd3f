import { covers, type ScopeSet, scopeList } from "./scopes.js";
import type { Token, TokenService } from "./token.js";

/** A token is taken for dead this much earlier, so that it does not die on its way. */
const EARLY = 10_000;
/** The most tokens that are kept; a walk over a catalog has one for each repository. */
const MOST = 1_000;

interface Kept {
  readonly service: string;
  readonly scopes: ScopeSet;
  readonly value: string;
  readonly until: number;
}

/** Tokens by token service and what they allow. What is being fetched is fetched once, whoever waits for it. */
export class TokenCache {
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  readonly #coming = new Map<string, Promise<string>>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A live token of that service that allows at least `scopes`. */
  find(service: TokenService, scopes: ScopeSet): string | undefined {
    const name = serviceKey(service);
    for (const [key, kept] of this.#kept) {
      if (kept.until <= this.#now()) this.#kept.delete(key);
      else if (kept.service === name && covers(kept.scopes, scopes)) return kept.value;
    }
    return undefined;
  }

  /** Forgets a token that was rejected, if it is still the one that is kept. */
  drop(value: string): void {
    for (const [key, kept] of this.#kept) if (kept.value === value) this.#kept.delete(key);
  }

  /** The token that is being fetched for the same, else a new one. */
  get(service: TokenService, scopes: ScopeSet, fetch: () => Promise<Token>): Promise<string> {
    const name = serviceKey(service);
    const key = `${name}\n${scopeList(scopes).join(" ")}`;
    const coming = this.#coming.get(key) ?? this.#fetch(key, name, scopes, fetch);
    this.#coming.set(key, coming);
    return coming;
  }

  async #fetch(key: string, service: string, scopes: ScopeSet, fetch: () => Promise<Token>): Promise<string> {
    try {
      // Its life is counted from before it was asked for: clocks differ, this one does not.
      const asked = this.#now();
      const { value, life } = await fetch();
      // Else a token that lives ten seconds would be fetched for each request.
      const until = asked + Math.max(life - EARLY, life / 2);
      for (const [other, kept] of this.#kept) {
        if (kept.service === service && covers(scopes, kept.scopes)) this.#kept.delete(other);
      }
      this.#kept.set(key, { service, scopes, value, until });
      if (this.#kept.size > MOST) this.#kept.delete(this.#kept.keys().next().value!);
      return value;
    } finally {
      this.#coming.delete(key);
    }
  }
}

function serviceKey(service: TokenService): string {
  return `${service.realm.href}\n${service.service ?? ""}`;
}
