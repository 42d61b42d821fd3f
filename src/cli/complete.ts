import type { Command } from "./command.js";
import { optionsOf } from "./program.js";

/** The shells that have a script. */
export type Shell = keyof typeof SCRIPTS;

/** Each script hands the words so far to `gantry __complete` and offers what comes back; files where nothing does. */
export const SCRIPTS = {
  bash: `# bash completion for gantry
_gantry() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" IFS=$'\\n'
  # The colon is part of image names; bash splits words at it.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local words cword
    _get_comp_words_by_ref -n := cur words cword
    COMPREPLY=($(compgen -W "$(gantry __complete -- "\${words[@]:1:cword}" 2>/dev/null)" -- "$cur"))
    declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
  else
    COMPREPLY=($(compgen -W "$(gantry __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$cur"))
  fi
}
complete -o default -F _gantry gantry
`,
  zsh: `#compdef gantry
_gantry() {
  local -a found
  found=("\${(@f)$(gantry __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" = _gantry ]]; then _gantry "$@"; else compdef _gantry gantry; fi
`,
  fish: `# fish completion for gantry
complete -c gantry -a '(gantry __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
} as const;

/** Candidates for the last of `words`. */
export async function completions(
  commands: readonly Command[],
  words: readonly string[],
  images: () => AsyncIterable<string>,
): Promise<readonly string[]> {
  const visible = commands.filter(({ name }) => !name.startsWith("__"));
  const last = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = visible.find(({ name }) => name === before.slice(0, name.split(" ").length).join(" "));
  if (command === undefined) {
    const depth = before.length;
    const next = visible
      .filter(({ name }) => name.split(" ").slice(0, depth).join(" ") === before.join(" "))
      .map(({ name }) => name.split(" ")[depth]);
    return [...new Set(next)].filter((word): word is string => word?.startsWith(last) === true);
  }
  const options = optionsOf(command);
  const previous = options.find(
    ({ name, short }) => before.at(-1) === `--${name}` || (short !== undefined && before.at(-1) === `-${short}`),
  );
  if (previous !== undefined && previous.kind !== "boolean")
    return (previous.choices ?? []).filter((choice) => choice.startsWith(last));
  if (last.startsWith("-")) return options.map(({ name }) => `--${name}`).filter((name) => name.startsWith(last));
  const argument = command.args[Math.min(command.args.length - 1, before.length - command.name.split(" ").length)];
  if (argument?.completes === "command") return visible.map(({ name }) => name).filter((name) => name.startsWith(last));
  if (argument?.completes !== "image") return [];
  const names: string[] = [];
  for await (const name of images()) if (name.startsWith(last)) names.push(name);
  return names;
}
