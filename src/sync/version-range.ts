import { Range } from "semver";
import type { TagVersion } from "./tag-version.js";

/**
 * Reads a range of versions in the words of npm or of Masterminds/semver, which skopeo and Helm use: there a comma is
 * "and", `=>` is `>=`, `!=` leaves a version out, and a range that names a pre-release takes pre-releases of all
 * versions in it.
 *
 * @throws Error for people
 */
export function compileRange(text: string): (version: TagVersion) => boolean {
  const groups = text.split("||").map(compileGroup);
  return (version) => groups.some((group) => group(version));
}

function compileGroup(text: string): (version: TagVersion) => boolean {
  const plain = text
    .replaceAll(",", " ")
    .replaceAll("=>", ">=")
    .replaceAll("=<", "<=")
    .replaceAll(/([<>=~^!])\s+/g, "$1");
  const without: Range[] = [];
  const rest = plain.replaceAll(/!=(\S+)/g, (_, version: string) => {
    without.push(readRange(version, text));
    return " ";
  });
  const range = readRange(rest.trim(), text);
  const includePrerelease = /\d-[0-9A-Za-z]/.test(rest);
  const wide = includePrerelease ? new Range(range.raw, { includePrerelease, loose: true }) : range;
  return (version) => wide.test(version) && !without.some((excluded) => excluded.test(version));
}

function readRange(text: string, whole: string): Range {
  try {
    return new Range(text, { loose: true });
  } catch {
    throw new Error(`${JSON.stringify(whole.trim())} is no range of versions, such as ">=1.2 <2"`);
  }
}
