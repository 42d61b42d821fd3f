import { GantryError } from "../errors.js";

/** A document before it means anything: a tree that knows where each of its parts was written. */
export type YamlNode =
  | { readonly kind: "map"; readonly at: string; readonly entries: readonly YamlEntry[] }
  | { readonly kind: "list"; readonly at: string; readonly items: readonly YamlNode[] }
  | { readonly kind: "text"; readonly at: string; readonly text: string }
  | { readonly kind: "value"; readonly at: string; readonly value: number | boolean | bigint | null };

/** One key of a map with its value. */
export interface YamlEntry {
  readonly key: string;
  readonly at: string;
  readonly value: YamlNode;
}

/** Documents that people write are small: what nests deeper or is larger is a bomb of aliases. */
const MAX_DEPTH = 32;
const MAX_NODES = 100_000;

/**
 * Reads YAML 1.2 so that every part knows its line and column. Unquoted scalars stay the text that was written
 * (`1.10`, `0644`, `yes`), because here they are names and permissions, never numbers to calculate with.
 *
 * @param file the name for messages, as the user gave it
 * @throws GantryError PLAN_INVALID for what is no YAML: syntax, doubled keys, several documents, unknown tags
 */
export async function readYaml(text: string, file: string): Promise<YamlNode> {
  const { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } = await import("yaml");
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: "failsafe",
    uniqueKeys: true,
    prettyErrors: false,
  });
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${file}:${line || 1}:${col || 1}`;
  };
  const [document, second] = Array.isArray(documents) ? documents : [];
  if (document === undefined) throw invalid(at(0), "the file is empty");
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault) throw invalid(at(fault.pos[0]), `invalid YAML: ${plain(fault.message)}`);
  if (second !== undefined) throw invalid(at(second.range[0]), "one YAML document is expected, and here is another");
  let count = 0;

  const convert = (node: unknown, depth: number, from: number): YamlNode => {
    if (++count > MAX_NODES || depth > MAX_DEPTH) throw invalid(at(from), "this is too large or nests too deep");
    if (isAlias(node)) return convert(node.resolve(document), depth + 1, node.range?.[0] ?? from);
    if (isMap(node)) {
      const start = node.range?.[0] ?? from;
      const entries = node.items.map((pair) => {
        const keyNode = isAlias(pair.key) ? pair.key.resolve(document) : pair.key;
        const keyAt = (isScalar(pair.key) || isAlias(pair.key) ? pair.key.range?.[0] : undefined) ?? start;
        if (!isScalar(keyNode) || typeof keyNode.value !== "string") throw invalid(at(keyAt), "a key is a text");
        return { key: keyNode.value, at: at(keyAt), value: convert(pair.value, depth + 1, keyAt) };
      });
      return { kind: "map", at: at(start), entries: merged(entries) };
    }
    if (isSeq(node)) {
      const start = node.range?.[0] ?? from;
      return { kind: "list", at: at(start), items: node.items.map((item) => convert(item, depth + 1, start)) };
    }
    if (isScalar(node) && typeof node.value === "string") {
      const nothing = node.type === "PLAIN" && /^(?:|~|null|Null|NULL)$/.test(node.value);
      const start = at(node.value === "" && nothing ? from : (node.range?.[0] ?? from));
      return nothing ? { kind: "value", at: start, value: null } : { kind: "text", at: start, text: node.value };
    }
    return { kind: "value", at: at(from), value: null };
  };
  return convert(document.contents, 0, 0);
}

/**
 * The same tree over a value that a program made; the places are paths such as `images[0].layers[1].files`.
 *
 * @throws GantryError PLAN_INVALID when the value nests without end
 */
export function readValue(value: unknown, at = "", depth = 0): YamlNode {
  if (depth > MAX_DEPTH) throw invalid(at, "this nests too deep");
  const here = at || "plan";
  if (typeof value === "string") return { kind: "text", at: here, text: value };
  if (Array.isArray(value)) {
    return {
      kind: "list",
      at: here,
      items: value.map((item: unknown, i) => readValue(item, `${at}[${i}]`, depth + 1)),
    };
  }
  if (typeof value === "object" && value !== null) {
    return {
      kind: "map",
      at: here,
      entries: Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([key, item]) => {
          const place = /^[A-Za-z_]\w*$/.test(key)
            ? at === ""
              ? key
              : `${at}.${key}`
            : `${at}[${JSON.stringify(key)}]`;
          return { key, at: place, value: readValue(item, place, depth + 1) };
        }),
    };
  }
  const known = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint" ? value : null;
  return { kind: "value", at: here, value: known };
}

/** `<<: *anchor` brings another map's keys; a map's own win (YAML 1.1's merge key, which everybody knows from elsewhere). */
function merged(entries: readonly YamlEntry[]): readonly YamlEntry[] {
  if (!entries.some(({ key }) => key === "<<")) return entries;
  const own = entries.filter(({ key }) => key !== "<<");
  const known = new Set(own.map(({ key }) => key));
  for (const { key, at, value } of entries) {
    if (key !== "<<") continue;
    for (const from of value.kind === "list" ? value.items : [value]) {
      if (from.kind !== "map") throw invalid(at, '"<<" takes a map, or a list of them');
      for (const entry of from.entries) {
        if (known.has(entry.key)) continue;
        known.add(entry.key);
        own.push(entry);
      }
    }
  }
  return own;
}

function invalid(at: string, what: string): GantryError {
  return new GantryError("PLAN_INVALID", `${at}: ${what}`);
}

/** The library's sentences end with details on further lines. */
function plain(message: string): string {
  const line = message.split("\n", 1)[0]!.replace(/[.:]$/, "");
  return line.charAt(0).toLowerCase() + line.slice(1);
}
