import { nearest } from "../spec/index.js";

/**
 * What to say to someone who asked for a tag that is not there: the tags that are, and the one that was probably
 * meant. One sentence or two for {@link GantryError.hint}.
 */
export function tagHint(wanted: string, tags: readonly string[]): string {
  if (tags.length === 0) return "There are no tags here.";
  const meant = nearest(wanted, tags);
  const shown = tags.slice(0, MAX_SHOWN).join(", ");
  const more = tags.length > MAX_SHOWN ? ` and ${tags.length - MAX_SHOWN} more` : "";
  return `Tags there: ${shown}${more}.${meant === undefined ? "" : ` Did you mean ${meant}?`}`;
}

/** As many as fit a line. */
const MAX_SHOWN = 8;
