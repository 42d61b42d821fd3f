import type { CommandTable } from "./command.js";
import { optionsOf } from "./options.js";

/**
 * Candidates for the last of `words`, one a line as the scripts want them; `undefined` where files complete.
 * What `--option=` is written together is answered whole.
 */
export async function completions(
  { commands, groups }: CommandTable,
  words: readonly string[],
  images: () => AsyncIterable<string>,
): Promise<readonly string[]> {
  const visible = groups.flatMap((group) => group.commands);
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const fitting = (candidates: readonly string[]): string[] =>
    candidates.filter((candidate) => candidate.startsWith(last));
  const command = commands
    .toSorted((a, b) => b.name.length - a.name.length)
    .find(({ name }) => name === before.slice(0, name.split(" ").length).join(" "));
  if (command === undefined) {
    const next = visible
      .map(({ name }) => name.split(" "))
      .filter((name) => name.slice(0, before.length).join(" ") === before.join(" "))
      .flatMap((name) => name[before.length] ?? []);
    return fitting([...new Set(next)]);
  }
  const options = optionsOf(command);
  const joined = /^--([a-z-]+)=/.exec(last);
  const previous = before.at(-1);
  const wanted = options.find(({ name, short }) =>
    joined === null
      ? previous === `--${name}` || (short !== undefined && previous === `-${short}`)
      : joined[1] === name,
  );
  if (wanted !== undefined && (wanted.kind !== "boolean" || joined !== null)) {
    const prefix = joined?.[0] ?? "";
    const choices = wanted.kind === "boolean" ? ["true", "false"] : (wanted.choices ?? []);
    const names = wanted.completes === "image" ? await collect(images()) : [];
    return fitting([...choices, ...names].map((value) => prefix + value));
  }
  if (last.startsWith("-") && !before.includes("--")) return fitting(options.map(({ name }) => `--${name}`));
  const given = argumentsGiven(before.slice(command.name.split(" ").length), options);
  const argument = command.args[Math.min(command.args.length - 1, given)];
  if (argument === undefined || (given >= command.args.length && command.args.at(-1)?.variadic !== true)) return [];
  switch (argument.completes) {
    case "command":
      return fitting([...new Set(visible.flatMap(({ name }) => name.split(" ")[given] ?? []))]);
    case "shell":
      return fitting(["bash", "zsh", "fish"]);
    case "image": {
      const names = await collect(images());
      // In gantry's own store by transport; a bare name of the same image is a registry's, or what `push` looks for.
      return fitting([...TRANSPORTS, ...names, ...names.map((name) => `local:${name}`)]);
    }
    default:
      return [];
  }
}

const TRANSPORTS = ["docker://", "oci:", "local:"];

/** How many of the words are arguments and not options or their values. */
function argumentsGiven(words: readonly string[], options: ReturnType<typeof optionsOf>): number {
  let count = 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (!word.startsWith("-") || word === "-") count += 1;
    else if (!word.includes("=")) {
      const option = options.find(({ name, short }) => word === `--${name}` || word === `-${short}`);
      if (option !== undefined && option.kind !== "boolean") at += 1;
    }
  }
  return count;
}

async function collect(names: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const name of names) found.push(name);
  return found;
}
