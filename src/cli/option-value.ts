import { GantryError } from "../errors.js";
import type { OptionSpec } from "./command.js";

const TRUE = new Set(["true", "1", "t", "yes"]);
const FALSE = new Set(["false", "0", "f", "no"]);
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/;
const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * Reads the text of one option; a list grows by what came before.
 *
 * @throws GantryError USAGE
 */
export function readOptionValue(spec: OptionSpec, text: string, before: unknown): unknown {
  const wrong = (what: string) =>
    new GantryError("USAGE", `invalid value ${JSON.stringify(text)} for --${spec.name}`, { hint: `It takes ${what}.` });
  if (spec.choices !== undefined && spec.kind === "text" && !spec.choices.includes(text))
    throw wrong(`one of ${spec.choices.join(", ")}`);
  switch (spec.kind) {
    case "text":
      return text;
    case "texts":
      return [...(Array.isArray(before) ? (before as unknown[]) : []), text];
    case "list":
      return [...(Array.isArray(before) ? before : []), ...text.split(",").filter((item) => item !== "")];
    case "boolean":
      if (TRUE.has(text.toLowerCase())) return true;
      if (FALSE.has(text.toLowerCase())) return false;
      throw wrong("true or false");
    case "number": {
      const value = Number(text);
      if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw wrong("a whole number");
      return value;
    }
    case "duration": {
      const match = DURATION.exec(text);
      if (match === null) throw wrong("a duration such as 500ms, 2s or 1m");
      return Number(match[1]) * MILLISECONDS[(match[2] ?? "s") as keyof typeof MILLISECONDS];
    }
  }
}
