import type { Located, YamlPath } from "./check-shape.js";
import type { YamlNode } from "./nodes.js";
import type { Problems } from "./problems.js";

/**
 * A document without variables as plain values. Keys at the top that begin with `x-`, and `$schema`, are the user's own
 * and are left out.
 */
export function locate(root: YamlNode, problems: Problems): Located {
  const values = new Map<string, string>();
  const keys = new Map<string, string>();

  const plain = (node: YamlNode, path: YamlPath): unknown => {
    values.set(id(path), node.at);
    if (node.kind === "value") return node.value;
    if (node.kind === "text") return node.text;
    if (node.kind === "list") return node.items.map((item, i) => plain(item, [...path, i]));
    // No prototype: `__proto__` is a name like any other here.
    const object = Object.create(null) as Record<string, unknown>;
    for (const { key, at, value } of node.entries) {
      if (path.length === 0 && (key.startsWith("x-") || key === "$schema")) continue;
      if (Object.hasOwn(object, key)) problems.add(at, `${JSON.stringify(key)} stands twice in one map`);
      keys.set(id([...path, key]), at);
      object[key] = plain(value, [...path, key]);
    }
    return object;
  };

  const near = (path: YamlPath): string => {
    for (let length = path.length; length >= 0; length--) {
      const found = values.get(id(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return root.at;
  };

  return { value: plain(root, []), at: near, keyAt: (path) => keys.get(id(path)) ?? near(path) };
}

const id = (path: YamlPath): string => JSON.stringify(path);
