import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { describe, expect, it } from "vitest";

/**
 * The dependency direction of ARCHITECTURE.md. A folder may import itself, what is listed here, and errors.ts; another
 * folder only through its door, `index.ts`.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  spec: [],
  streams: ["spec"],
  content: ["streams", "spec"],
  net: ["streams"],
  "stores/registry": ["net", "content", "streams", "spec"],
  "stores/layout": ["content", "streams", "spec"],
  "stores/local": ["stores/layout", "content", "streams", "spec"],
  images: ["content", "streams", "spec"],
  transfer: ["content", "streams", "spec"],
  yaml: ["spec"],
  build: ["images", "transfer", "content", "streams", "yaml", "spec"],
  sync: ["images", "transfer", "content", "streams", "yaml", "spec"],
  inspect: ["images", "content", "streams", "spec"],
  server: ["stores/layout", "content", "streams", "spec"],
  // The facade: gantry.ts and its parts know every room.
  facade: ["*"],
  "gantry.ts": ["*"],
  "index.ts": ["*"],
  cli: ["gantry.ts", "spec"],
};

const src = join(import.meta.dirname, "../../src");
const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !/\.(?:test|worker)\.ts$/.test(entry.name))
  .map((entry) => relative(src, join(entry.parentPath, entry.name)).split(sep).join("/"));

function room(path: string): string {
  const parts = path.split("/");
  if (parts.length === 1) return path;
  return parts[0] === "stores" ? `${parts[0]}/${parts[1]}` : parts[0]!;
}

function imports(file: string): { specifier: string; line: number }[] {
  const found: { specifier: string; line: number }[] = [];
  const text = readFileSync(join(src, file), "utf8");
  for (const match of text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)"([^"\n]+)"/g)) {
    found.push({ specifier: match[1]!, line: text.slice(0, match.index).split("\n").length });
  }
  return found;
}

describe("the house", () => {
  it("has only folders that the rules know", () => {
    expect([...new Set(files.map(room))].filter((name) => name !== "errors.ts" && !(name in MAY_IMPORT))).toEqual([]);
  });

  it("imports in one direction, and other folders only through their doors", () => {
    const wrong: string[] = [];
    for (const file of files) {
      const here = room(file);
      const allowed = MAY_IMPORT[here] ?? [];
      for (const { specifier, line } of imports(file)) {
        if (!specifier.startsWith(".")) continue;
        const target = relative(src, resolve(src, dirname(file), specifier))
          .split(sep)
          .join("/")
          .replace(/\.js$/, ".ts");
        const there = room(target);
        if (there === here || there === "errors.ts") continue;
        const at = `src/${file}:${line} imports ${specifier}`;
        if (!allowed.includes("*") && !allowed.includes(there)) wrong.push(`${at}: ${here} may not know ${there}`);
        else if (
          there.includes(".") || (here === "gantry.ts" && there === "facade") ? false : target !== `${there}/index.ts`
        )
          wrong.push(`${at}: not the door of ${there}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("gives each folder a door that says what the room is for", () => {
    const doors = [...new Set(files.map(room))].filter(
      (name) => !name.endsWith(".ts") && name !== "cli" && name !== "facade",
    );
    const silent = doors.filter((name) => !readFileSync(join(src, name, "index.ts"), "utf8").startsWith("/**"));
    expect(silent).toEqual([]);
  });

  it("keeps node: out of spec/", () => {
    const wrong = files
      .filter((file) => room(file) === "spec")
      .flatMap((file) => imports(file).filter((i) => i.specifier.startsWith("node:")));
    expect(wrong).toEqual([]);
  });

  it("reads the environment, writes to the terminal and exits only in cli/", () => {
    const wrong: string[] = [];
    for (const file of files.filter((name) => room(name) !== "cli")) {
      readFileSync(join(src, file), "utf8")
        .split("\n")
        .forEach((text, at) => {
          if (/^\s*(?:\/?\*|\/\/)/.test(text)) return;
          if (/\bprocess\.(?:env|argv|exit|exitCode|stdout|stderr)\b|\bconsole\./.test(text))
            wrong.push(`src/${file}:${at + 1} ${text.trim()}`);
        });
    }
    expect(wrong).toEqual([]);
  });
});
