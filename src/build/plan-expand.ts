import type { Located, Problems, YamlNode, YamlPath } from "../yaml/index.js";
import { expandTemplate, type Template, templateText, type Variables } from "./template.js";

/** A plan as plain values with all its variables replaced, and the way back to where each part was written. */
export interface ExpandedPlan extends Located {
  /** The source of a file mapping, its platform variables open; `path` ends with the key. */
  source(path: YamlPath): Template;
}

/**
 * Replaces the variables in every text and every key. A platform's variables are allowed in the sources of layers
 * alone; keys that begin with `x-` at the top are the user's own and are left out.
 */
export function expandPlan(root: YamlNode, given: Variables, problems: Problems): ExpandedPlan {
  const values = new Map<string, string>();
  const keys = new Map<string, string>();
  const sources = new Map<string, Template>();
  const variables = { ...fileVariables(root, given, problems), ...given };

  const expand = (node: YamlNode, path: YamlPath): unknown => {
    values.set(id(path), node.at);
    if (node.kind === "value") return node.value;
    if (node.kind === "text") return text(node.text, node.at, path, false);
    if (node.kind === "list") return node.items.map((item, i) => expand(item, [...path, i]));
    const object: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const entry of node.entries) {
      if (path.length === 0 && (entry.key.startsWith("x-") || entry.key === "$schema")) continue;
      // `vars` was replaced by its own rule: each may use those above it.
      if (path.length === 0 && entry.key === "vars") {
        object["vars"] = rawValue(entry.value, (at, below) => values.set(id(["vars", ...below]), at));
        keys.set(id(["vars"]), entry.at);
        continue;
      }
      const key = text(entry.key, entry.at, path, isFiles(path));
      const here = [...path, key];
      if (Object.hasOwn(object, key)) {
        problems.add(entry.at, `${JSON.stringify(key)} stands twice in one map, once its variables are replaced`);
        continue;
      }
      keys.set(id(here), entry.at);
      object[key] = expand(entry.value, here);
    }
    return object;
  };

  const text = (raw: string, at: string, path: YamlPath, isSource: boolean): string => {
    const { template, problems: found } = expandTemplate(raw, variables);
    for (const { message, hint } of found) problems.add(at, message, hint);
    const open = template.find((part) => typeof part !== "string");
    if (open !== undefined && typeof open !== "string" && !isSource) {
      problems.add(at, `\${${open.variable}} is known only in the sources of a layer's files`);
    }
    const result = templateText(template);
    if (isSource) sources.set(id([...path, result]), template);
    return result;
  };

  const near = (map: Map<string, string>, path: YamlPath): string | undefined => {
    for (let length = path.length; length >= 0; length--) {
      const found = map.get(id(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return undefined;
  };

  return {
    value: expand(root, []),
    at: (path) => near(values, path) ?? root.at,
    keyAt: (path) => keys.get(id(path)) ?? near(values, path) ?? root.at,
    source: (path) => sources.get(id(path)) ?? [String(path.at(-1))],
  };
}

/** `images[i].layers[j].files` */
const isFiles = (path: YamlPath): boolean =>
  path.length === 5 && path[0] === "images" && path[2] === "layers" && path[4] === "files";

const id = (path: YamlPath): string => JSON.stringify(path);

/** The file's own variables, from top to bottom: a value may use what is given from outside and what stands above it. */
function fileVariables(root: YamlNode, given: Variables, problems: Problems): Variables {
  const variables: Record<string, string> = Object.create(null) as Record<string, string>;
  const vars = root.kind === "map" ? root.entries.find((entry) => entry.key === "vars")?.value : undefined;
  if (vars?.kind !== "map") return variables;
  for (const { key, at, value } of vars.entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) {
      problems.add(at, `${JSON.stringify(key)} is no name of a variable`, "Use letters, digits and _.");
      continue;
    }
    if (key.startsWith("PLATFORM_")) {
      problems.add(at, `${key} is taken`, "Names that start with PLATFORM_ belong to the platform that is built.");
      continue;
    }
    if (value.kind === "map" || value.kind === "list") continue; // the schema says so
    const raw = value.kind === "text" ? value.text : String(value.value ?? "");
    const { template, problems: found } = expandTemplate(raw, { ...variables, ...given });
    // A variable that is overridden from outside need not be computable.
    if (Object.hasOwn(given, key) && given[key] !== undefined) continue;
    for (const { message, hint } of found) problems.add(value.at, message, hint);
    if (template.some((part) => typeof part !== "string")) {
      problems.add(value.at, "a platform's variables are known only in the sources of a layer's files");
    }
    variables[key] = templateText(template);
  }
  return variables;
}

function rawValue(node: YamlNode, note: (at: string, path: YamlPath) => void, path: YamlPath = []): unknown {
  note(node.at, path);
  if (node.kind === "text") return node.text;
  if (node.kind === "value") return node.value;
  if (node.kind === "list") return node.items.map((item, i) => rawValue(item, note, [...path, i]));
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, rawValue(value, note, [...path, key])]));
}
