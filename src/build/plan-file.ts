import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { GantryError } from "../errors.js";
import { checkShape, Problems, readValue, readYaml, type YamlNode } from "../yaml/index.js";
import type { BuildPlan } from "./plan.js";
import { expandPlan } from "./plan-expand.js";
import type { PlanInput } from "./plan-input.js";
import type { Variables } from "./template.js";

/** Where a plan's variables come from besides its own `vars:`. */
export interface PlanVariables {
  /** `--var NAME=VALUE`; stronger than the file's `vars:`. */
  readonly vars?: Variables;
  /** The environment; the strongest. Nothing is read from `process.env` here. */
  readonly environment?: Variables;
}

/** Options of {@link parsePlan}. */
export interface PlanOptions extends PlanVariables {
  /** What sources are relative to. */
  readonly directory: string;
  /** What the file is called in messages. */
  readonly file?: string;
}

/**
 * Reads a plan file. Sources are relative to its folder. Messages call it by `options.file`, or by the path as given.
 *
 * @throws GantryError FILE_NOT_FOUND; PLAN_INVALID with line and column of everything that is wrong
 */
export async function readPlanFile(
  path: string,
  options: PlanVariables & { readonly file?: string } = {},
): Promise<BuildPlan> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new GantryError("FILE_NOT_FOUND", "no such plan file", {
        where: path,
        hint: "Write a gantry.yaml, or name another file with -f.",
        cause,
      });
    }
    throw new GantryError("IO", `cannot read the plan file: ${code ?? "unknown"}`, { where: path, cause });
  }
  const file = options.file ?? path;
  if (bytes.byteLength > MAX_PLAN_BYTES)
    throw new GantryError("PLAN_INVALID", `${basename(path)} is larger than ${MAX_PLAN_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError("PLAN_INVALID", `${file}:1:1: the plan is not UTF-8`, { cause });
  }
  return await parsePlan(text, { ...options, file, directory: dirname(resolve(path)) });
}

/**
 * Reads a plan from YAML (or JSON) text, or from the same structure as a value.
 *
 * Variables: the file's `vars:` are the weakest, then `vars`, then `environment`.
 *
 * @throws GantryError PLAN_INVALID naming each problem with `FILE:LINE:COLUMN`, or with the path in the value
 */
export async function parsePlan(plan: string | PlanInput, options: PlanOptions): Promise<BuildPlan> {
  const root: YamlNode =
    typeof plan === "string" ? await readYaml(plan, options.file ?? "gantry.yaml") : readValue(plan);
  const { planSchema } = await import("./plan-schema.js");
  const { normalisePlan } = await import("./plan-normalise.js");
  const problems = new Problems();
  const expanded = expandPlan(root, { ...options.vars, ...options.environment }, problems);
  const input = checkShape(expanded, { schema: planSchema, noun: "plan" }, problems);
  problems.throwIfAny();
  if (input === undefined) throw new GantryError("INTERNAL", "a plan failed its check without a reason");
  const result = normalisePlan(input, expanded, resolve(options.directory), problems);
  problems.throwIfAny();
  return result;
}

/** Far beyond any plan that a person writes. */
const MAX_PLAN_BYTES = 4 * 1024 * 1024;
