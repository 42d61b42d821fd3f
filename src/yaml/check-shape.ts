import type * as z from "zod/mini";
import { nearest } from "../spec/index.js";
import type { Problems } from "./problems.js";

type Issue = z.core.$ZodIssue;
type Path = (string | number)[];

/** A path into a document's value. */
export type YamlPath = readonly (string | number)[];

/** A document as plain values, and the way back to where each part was written. */
export interface Located {
  readonly value: unknown;
  /** Where the value at `path` stands; for the nearest part that exists when there is none. */
  at(path: YamlPath): string;
  /** Where the key at the end of `path` stands. */
  keyAt(path: YamlPath): string;
}

/** What is checked, and what it is called in messages: `the plan`. */
export interface Shape<T> {
  readonly schema: z.ZodMiniType<T>;
  readonly noun: string;
}

/** Holds a document against a schema; what does not fit goes to `problems`, and the answer is then undefined. */
export function checkShape<T>(located: Located, { schema, noun }: Shape<T>, problems: Problems): T | undefined {
  const parsed = schema.safeParse(located.value);
  // Not `parsed.data`: zod leaves out a key named `__proto__`, which is a label like any other.
  if (parsed.success) return located.value as T;
  for (const issue of parsed.error.issues) report(issue, [], { located, schema, noun }, problems);
  return undefined;
}

interface Checking {
  readonly located: Located;
  readonly schema: z.core.$ZodType;
  readonly noun: string;
}

function report(issue: Issue, prefix: Path, checking: Checking, problems: Problems): void {
  const { located, schema, noun } = checking;
  const path = [...prefix, ...(issue.path as Path)];
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, path);
    for (const key of issue.keys) {
      const near = nearest(key, known);
      const hint = near ? `Did you mean "${near}"?` : known.length > 0 ? `Known here: ${known.join(", ")}.` : undefined;
      problems.add(located.keyAt([...path, key]), `unknown key "${key}"`, hint);
    }
    return;
  }
  if (issue.code === "invalid_union") {
    // The one branch that the value was meant for says more than the union does.
    const meant = issue.errors.filter((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys"),
    );
    if (meant.length === 1) {
      for (const inner of meant[0]!) report(inner, path, checking, problems);
      return;
    }
  }
  if (issue.code === "invalid_key") {
    problems.add(located.keyAt(path), `invalid key ${JSON.stringify(path.at(-1))}`);
    return;
  }
  const { found, value } = valueAt(located.value, path);
  const name = path.findLast((part) => typeof part === "string");
  if (!found) {
    problems.add(located.at(path), `${JSON.stringify(path.at(-1) ?? noun)} is missing: ${issue.message}`);
    return;
  }
  const what = name === undefined ? `the ${noun}` : JSON.stringify(name);
  problems.add(located.at(path), `${what}: ${issue.message}${shown(value, issue.message)}`);
}

function shown(value: unknown, message: string): string {
  if (!message.startsWith("expected")) return "";
  if (value === null || value === "") return ", and there is nothing";
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    const text = JSON.stringify(value);
    return `, not ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
  }
  return Array.isArray(value) ? ", not a list" : ", not a map";
}

function valueAt(value: unknown, path: Path): { found: boolean; value: unknown } {
  let at = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, part)) return { found: false, value: undefined };
    at = (at as Record<string | number, unknown>)[part];
  }
  return { found: true, value: at };
}

/** The keys that the schema knows at a path, found by walking the schema itself, so that no list can grow stale. */
function knownKeys(schema: z.core.$ZodType, path: Path): string[] {
  let options: z.core.$ZodType[] = [schema];
  for (const part of path) options = options.flatMap((option) => step(unwrap(option), part)).flat();
  return options.flatMap(unwrap).flatMap((option) => (isObject(option) ? Object.keys(option._zod.def.shape) : []));
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  const def = schema._zod.def as { type: string; innerType?: z.core.$ZodType; options?: readonly z.core.$ZodType[] };
  if (def.type === "optional" && def.innerType) return unwrap(def.innerType);
  if (def.type === "union" && def.options) return def.options.flatMap(unwrap);
  return [schema];
}

function step(options: readonly z.core.$ZodType[], part: string | number): z.core.$ZodType[] {
  return options.flatMap((option) => {
    const def = option._zod.def as { type: string; element?: z.core.$ZodType; valueType?: z.core.$ZodType };
    if (isObject(option)) {
      const next = option._zod.def.shape[String(part)];
      return next ? [next] : [];
    }
    return def.element ? [def.element] : def.valueType ? [def.valueType] : [];
  });
}

function isObject(schema: z.core.$ZodType): schema is z.core.$ZodObject {
  return schema._zod.def.type === "object";
}
