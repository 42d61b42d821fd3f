/**
 * Token scopes as sets (distribution's token/scope.md): `type:name:action,action`, several of them separated by
 * spaces. A name may hold colons (a host's port), so the actions are what follows the last one.
 */
export type ScopeSet = ReadonlyMap<string, ReadonlySet<string>>;

/** The longest scope that is taken from a server. */
const LONGEST = 8 * 1024;

/** Reads scopes; the same resource named twice has the actions of both. What is no scope is left out. */
export function scopeSet(...scopes: readonly string[]): ScopeSet {
  const set = new Map<string, Set<string>>();
  for (const scope of scopes.flatMap((text) => (text.length > LONGEST ? [] : text.split(" ")))) {
    const colon = scope.lastIndexOf(":");
    if (colon <= 0) continue;
    const resource = scope.slice(0, colon);
    const actions = set.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(",")) if (action !== "") actions.add(action);
    set.set(resource, actions);
  }
  return set;
}

/** The scopes as they are asked for, in one order whatever order they came in. */
export function scopeList(set: ScopeSet): string[] {
  return [...set].map(([resource, actions]) => `${resource}:${[...actions].sort().join(",")}`).sort();
}

/** Whether all that `part` allows is allowed by `whole`. */
export function covers(whole: ScopeSet, part: ScopeSet): boolean {
  for (const [resource, actions] of part) {
    const allowed = whole.get(resource);
    if (allowed === undefined) return false;
    if (allowed.has("*")) continue;
    for (const action of actions) if (!allowed.has(action)) return false;
  }
  return true;
}

/** The first repository that scopes are about, for sources that know credentials by repository. */
export function repositoryOf(scopes: readonly string[] | undefined): string | undefined {
  const scope = scopes?.find((text) => text.startsWith("repository:") || text.startsWith("repository("));
  return scope === undefined ? undefined : scope.slice(scope.indexOf(":") + 1, scope.lastIndexOf(":"));
}
