/**
 * Reads a regular expression as people know it from Go's tools: it matches anywhere unless anchored, and may begin with
 * `(?i)`.
 *
 * @throws Error for people
 */
export function compilePattern(text: string): RegExp {
  const flags = /^\(\?([is]{1,2})\)/.exec(text);
  const source = (flags === null ? text : text.slice(flags[0].length))
    .replaceAll(/\\A/g, "^")
    .replaceAll(/\\z/g, "$")
    .replaceAll("(?P<", "(?<");
  try {
    return new RegExp(source, flags?.[1] ?? "");
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : "";
    throw new Error(`${JSON.stringify(text)} is no regular expression: ${why}`, { cause: error });
  }
}
