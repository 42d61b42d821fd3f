import type { TagVersion } from "./tag-version.js";

/** Which tags of a repository are meant. A tag has to pass every part that is given. */
export interface TagRules {
  /** Any of these matches; without them every tag does. */
  readonly allow?: readonly RegExp[] | undefined;
  /** None of these matches. */
  readonly deny?: readonly RegExp[] | undefined;
  /** Any of these globs matches: `*`, `?`, `[abc]`, `{a,b}`. */
  readonly glob?: readonly string[] | undefined;
  /** A range of versions, as npm and Masterminds write them: `>=1.2 <2 || ~3.1`. */
  readonly semver?: string | undefined;
  /** Of those that pass, only so many of the highest versions; what is no version is left out. */
  readonly newest?: number | undefined;
}

/** Tag rules, ready to be used. */
export interface TagSelection {
  /** Whether a tag passes all parts but `newest`. */
  matches(tag: string): boolean;
  /** Those of `tags` that are meant, in their order; with `newest` the highest version first. */
  select(tags: readonly string[]): readonly string[];
}

/**
 * Makes tag rules usable.
 *
 * @throws Error with a message for people when a glob or a range cannot be read
 */
export async function compileTagRules(rules: TagRules): Promise<TagSelection> {
  const { allow = [], deny = [], newest } = rules;
  const globs = await compileGlobs(rules.glob ?? []);
  const versions =
    rules.semver === undefined && newest === undefined ? undefined : (await import("./tag-version.js")).tagVersion;
  const range =
    rules.semver === undefined ? undefined : (await import("./version-range.js")).compileRange(rules.semver);
  const matches = (tag: string): boolean => {
    if (allow.length > 0 && !allow.some((pattern) => pattern.test(tag))) return false;
    if (deny.some((pattern) => pattern.test(tag))) return false;
    if (globs.length > 0 && !globs.some((isMatch) => isMatch(tag))) return false;
    if (range === undefined) return true;
    const version = versions?.(tag);
    return version !== undefined && range(version);
  };
  return {
    matches,
    select(tags) {
      const meant = tags.filter(matches);
      if (newest === undefined || versions === undefined) return meant;
      return meant
        .flatMap((tag) => {
          const version = versions(tag);
          return version === undefined ? [] : [{ tag, version }];
        })
        .sort((a, b) => b.version.compare(a.version) || byDetail(a, b))
        .slice(0, newest)
        .map(({ tag }) => tag);
    },
  };
}

/** Of `1`, `1.0` and `1.0.0`, which are one version, the one that says most is the one that stays what it is. */
function byDetail(a: { tag: string; version: TagVersion }, b: { tag: string; version: TagVersion }): number {
  return b.tag.length - a.tag.length || (a.tag < b.tag ? -1 : 1);
}

async function compileGlobs(globs: readonly string[]): Promise<((tag: string) => boolean)[]> {
  if (globs.length === 0) return [];
  const { default: picomatch } = await import("picomatch");
  return globs.map((glob) => picomatch(glob, { dot: true, nonegate: true, noextglob: true }));
}
