/**
 * The file name of a tag. Tags differ in case (`V1`, `v1`), file names on macOS and Windows do not: the letters are kept
 * in lower case, and behind a `~`, which is in no tag, which of them are upper case, a bit each. At most 161 characters.
 */
export function tagFile(tag: string): string {
  const lower = tag.toLowerCase();
  if (lower === tag) return tag;
  let bits = "";
  for (let at = 0; at < tag.length; at += 1) bits += tag[at] === lower[at] ? "0" : "1";
  return `${lower}~${BigInt(`0b${bits}`).toString(16)}`;
}

/** The tag of a file name that {@link tagFile} made. */
export function tagOfFile(name: string): string {
  const end = name.indexOf("~");
  if (end === -1) return name;
  const bits = BigInt(`0x${name.slice(end + 1)}`)
    .toString(2)
    .padStart(end, "0");
  let tag = "";
  for (let at = 0; at < end; at += 1) tag += bits[at] === "1" ? name[at]!.toUpperCase() : name[at]!;
  return tag;
}
