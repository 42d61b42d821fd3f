import type * as z from "zod/mini";
import { closest } from "./closest.js";
import type { ExpandedPlan } from "./plan-expand.js";
import type { PlanInput } from "./plan-input.js";
import type { PlanProblems } from "./plan-problems.js";
import { planSchema } from "./plan-schema.js";

type Issue = z.core.$ZodIssue;
type Path = (string | number)[];

/** Holds an expanded plan against the schema; what does not fit goes to `problems`, and the answer is then undefined. */
export function checkPlan(plan: ExpandedPlan, problems: PlanProblems): PlanInput | undefined {
  const parsed = planSchema.safeParse(plan.value);
  // Not `parsed.data`: zod leaves out a key named `__proto__`, which is a label like any other.
  if (parsed.success) return plan.value as PlanInput;
  for (const issue of parsed.error.issues) report(issue, [], plan, problems);
  return undefined;
}

function report(issue: Issue, prefix: Path, plan: ExpandedPlan, problems: PlanProblems): void {
  const path = [...prefix, ...(issue.path as Path)];
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(planSchema, path);
    for (const key of issue.keys) {
      const near = closest(key, known);
      const hint = near ? `Did you mean "${near}"?` : known.length > 0 ? `Known here: ${known.join(", ")}.` : undefined;
      problems.add(plan.keyAt([...path, key]), `unknown key "${key}"`, hint);
    }
    return;
  }
  if (issue.code === "invalid_union") {
    // The one branch that the value was meant for says more than the union does.
    const meant = issue.errors.filter((branch) =>
      branch.every((inner) => inner.path.length > 0 || inner.code === "unrecognized_keys"),
    );
    if (meant.length === 1) {
      for (const inner of meant[0]!) report(inner, path, plan, problems);
      return;
    }
  }
  if (issue.code === "invalid_key") {
    problems.add(plan.keyAt(path), `invalid key ${JSON.stringify(path.at(-1))}`);
    return;
  }
  const { found, value } = valueAt(plan.value, path);
  const name = path.findLast((part) => typeof part === "string");
  if (!found) {
    problems.add(plan.at(path), `${JSON.stringify(path.at(-1) ?? "plan")} is missing: ${issue.message}`);
    return;
  }
  const what = name === undefined ? "the plan" : JSON.stringify(name);
  problems.add(plan.at(path), `${what}: ${issue.message}${shown(value, issue.message)}`);
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
