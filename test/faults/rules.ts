import type { Exchange } from "./exchange.js";

/** What is done to a request instead of passing it on as it is. */
export type Action = (exchange: Exchange) => void | Promise<void>;

/** Which of the requests that a rule matches it acts on, counted from 1. */
export type Hits = number | readonly number[] | "all" | { readonly from: number } | { readonly chance: number };

/** One fault. */
export interface Rule {
  readonly method?: RegExp;
  /** Tested on path and query. */
  readonly path?: RegExp;
  /** The listener it stands at. Default: the registry. */
  readonly at?: "registry" | "elsewhere";
  /** Only requests that have a body (or have none). */
  readonly withBody?: boolean;
  /** Default: the first. */
  readonly hits?: Hits;
  /** Whether hits are counted for each path by itself. */
  readonly eachPath?: boolean;
  readonly act: Action;
}

/** What a rule looks at. */
export interface Asked {
  readonly at: "registry" | "elsewhere";
  readonly method: string;
  readonly path: string;
  readonly hasBody: boolean;
}

/** The rules of a run. The first that matches acts; all that match count. */
export class RuleBook {
  readonly #rules: readonly { readonly rule: Rule; readonly counts: Map<string, number> }[];
  readonly #random: () => number;

  constructor(rules: readonly Rule[], random: () => number) {
    this.#rules = rules.map((rule) => ({ rule, counts: new Map() }));
    this.#random = random;
  }

  /** The action for a request, if one of the rules is for it. */
  find(asked: Asked): Action | undefined {
    let found: Action | undefined;
    for (const { rule, counts } of this.#rules) {
      if ((rule.at ?? "registry") !== asked.at) continue;
      if (rule.method?.test(asked.method) === false || rule.path?.test(asked.path) === false) continue;
      if (rule.withBody !== undefined && rule.withBody !== asked.hasBody) continue;
      const key = rule.eachPath === true ? asked.path.replace(/\?.*/s, "") : "";
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      if (found === undefined && this.#hits(rule.hits ?? 1, count)) found = rule.act;
    }
    return found;
  }

  #hits(hits: Hits, count: number): boolean {
    if (hits === "all") return true;
    if (typeof hits === "number") return count === hits;
    if ("chance" in hits) return this.#random() < hits.chance;
    if ("from" in hits) return count >= hits.from;
    return hits.includes(count);
  }
}

/** Numbers in [0, 1) that are the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
