import type { OptionSpec } from "./command.js";

/**
 * Rewrites arguments that Go's flags understand and the parser does not: a boolean never takes the next word
 * (`--quiet x`), takes a value after `=` (`--tls-verify=false`), and short options may be joined (`-qt NAME`, `-t=NAME`).
 * What follows `--` is left alone.
 */
export function normaliseArguments(args: readonly string[], options: readonly OptionSpec[]): string[] {
  const byLong = new Map(options.map((option) => [option.name, option]));
  const byShort = new Map(
    options.flatMap((option) => (option.short === undefined ? [] : [[option.short, option] as const])),
  );
  const result: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    if (arg === "--") return [...result, ...args.slice(at)];
    const long = /^--([^=]+)(?:=(.*))?$/s.exec(arg);
    if (long !== null) {
      const [, name = "", value] = long;
      const option = byLong.get(name);
      const negated = name.startsWith("no-") ? byLong.get(name.slice(3)) : undefined;
      if (option?.kind === "boolean") result.push(`--${name}=${value ?? "true"}`);
      else if (option === undefined && negated?.kind === "boolean" && value === undefined)
        result.push(`--${negated.name}=false`);
      else if (option !== undefined && value === undefined && at + 1 < args.length) {
        // The next word is the value whatever it looks like (`--creds -x:y`), as in Go.
        result.push(`--${name}=${args[++at]!}`);
      } else result.push(arg);
      continue;
    }
    if (!/^-[A-Za-z]/.test(arg)) {
      result.push(arg);
      continue;
    }
    at += expandShort(arg, args[at + 1], byShort, result);
  }
  return result;
}

/** Answers how many words beyond this one were used. */
function expandShort(
  arg: string,
  next: string | undefined,
  byShort: ReadonlyMap<string, OptionSpec>,
  result: string[],
): number {
  for (let at = 1; at < arg.length; at++) {
    const option = byShort.get(arg[at]!);
    if (option === undefined) {
      result.push(`-${arg.slice(at)}`);
      return 0;
    }
    const rest = arg.slice(at + 1);
    if (option.kind !== "boolean") {
      if (rest === "") {
        if (next === undefined) result.push(`-${option.short}`);
        else result.push(`--${option.name}=${next}`);
        return next === undefined ? 0 : 1;
      }
      result.push(`--${option.name}=${rest.replace(/^=/, "")}`);
      return 0;
    }
    if (rest.startsWith("=")) {
      result.push(`--${option.name}=${rest.slice(1)}`);
      return 0;
    }
    result.push(`--${option.name}=true`);
  }
  return 0;
}
