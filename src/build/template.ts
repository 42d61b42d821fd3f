import type { Platform } from "../spec/index.js";
import { nearest } from "../spec/index.js";

/** The variables that a platform gives to source paths. */
export const PLATFORM_VARIABLES = ["PLATFORM_OS", "PLATFORM_ARCH", "PLATFORM_VARIANT"] as const;

/** One of them. */
export type PlatformVariable = (typeof PLATFORM_VARIABLES)[number];

/** A text whose platform variables are still open; everything else in it is final. */
export type Template = readonly (string | { readonly variable: PlatformVariable })[];

/** The variables of a plan. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What is wrong with a text, in the form of an error message and its hint. */
export interface Problem {
  readonly message: string;
  readonly hint?: string;
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` (which also stands for an empty value, as in a shell); `$$` is one `$`, and
 * a `$` before anything else is itself, so that `sh -c 'echo $HOME'` needs no escape. Values are not expanded again:
 * what comes out of the environment is never a program.
 */
export function expandTemplate(text: string, variables: Variables): { template: Template; problems: Problem[] } {
  const problems: Problem[] = [];
  const parts: (string | { variable: PlatformVariable })[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf("$", at);
    if (dollar === -1) break;
    literal += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next !== "{") {
      literal += "$";
      at = dollar + (next === "$" ? 2 : 1);
      continue;
    }
    const end = text.indexOf("}", dollar);
    const inner = end === -1 ? undefined : NAME.exec(text.slice(dollar + 2, end));
    if (!inner) {
      problems.push({
        message: `invalid variable ${JSON.stringify(text.slice(dollar, end === -1 ? undefined : end + 1))}`,
        hint: "A variable is ${NAME} or ${NAME:-default}; write $$ for a dollar sign.",
      });
      at = end === -1 ? text.length : end + 1;
      continue;
    }
    at = end + 1;
    const [, name = "", fallback] = inner;
    if (isPlatformVariable(name)) {
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push({ variable: name });
      continue;
    }
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (value !== undefined && !(value === "" && fallback !== undefined)) literal += value;
    else if (fallback !== undefined) literal += fallback;
    else problems.push(undefinedVariable(name, variables));
  }
  literal += text.slice(at);
  if (literal !== "") parts.push(literal);
  return { template: parts, problems };
}

/** The text of a template on one platform; a platform without variant has an empty `${PLATFORM_VARIANT}`. */
export function fillTemplate(template: Template, platform: Platform): string {
  const values: Record<PlatformVariable, string> = {
    PLATFORM_OS: platform.os,
    PLATFORM_ARCH: platform.architecture,
    PLATFORM_VARIANT: platform.variant ?? "",
  };
  return template.map((part) => (typeof part === "string" ? part : values[part.variable])).join("");
}

/** The template as it was written, for messages and history. */
export function templateText(template: Template): string {
  return template.map((part) => (typeof part === "string" ? part : `\${${part.variable}}`)).join("");
}

const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

const isPlatformVariable = (name: string): name is PlatformVariable =>
  (PLATFORM_VARIABLES as readonly string[]).includes(name);

function undefinedVariable(name: string, variables: Variables): Problem {
  const near = nearest(name, [...Object.keys(variables), ...PLATFORM_VARIABLES]);
  return {
    message: `variable "${name}" is not set`,
    hint: near
      ? `Did you mean "${near}"?`
      : `Set it with --var ${name}=VALUE or under "vars:", or write \${${name}:-default}.`,
  };
}
