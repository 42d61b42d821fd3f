import { Argument, Command as Parser, CommanderError, Option } from "commander";
import { GantryError } from "../errors.js";
import { normaliseArguments } from "./arguments.js";
import { type ArgumentSpec, type Command, type CommandTable, Given, type OptionSpec } from "./command.js";
import { readOptionValue } from "./option-value.js";
import { EVERYWHERE, optionsOf } from "./options.js";
import { overview } from "./overview.js";

/** What the arguments asked for. */
export type Parsed =
  | { readonly kind: "run"; readonly command: Command; readonly given: Given }
  | { readonly kind: "help"; readonly text: string };

/**
 * Reads the arguments by the table of commands.
 *
 * @throws GantryError USAGE
 */
export function parseArguments(table: CommandTable, given: readonly string[]): Parsed {
  const { groups, commands } = table;
  const args = commandFirst(given);
  if (args.length === 0 || args[0] === "-h" || args[0] === "--help") return { kind: "help", text: overview(groups) };
  let parsed: Parsed | undefined;
  const program = buildParser(commands, (found) => {
    parsed = found;
  });
  const complaints: string[] = [];
  visit(program, (parser) => {
    parser.exitOverride();
    parser.configureOutput({
      writeOut() {},
      writeErr: (text) => complaints.push(text),
      outputError: (text) => complaints.push(text),
    });
  });
  const { command, at } = chosen(commands, args);
  const words =
    command === undefined
      ? [...args]
      : [...args.slice(0, at), ...normaliseArguments(args.slice(at), optionsOf(command))];
  try {
    program.parse(words, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0 || error.code === "commander.help")
      return { kind: "help", text: helpFor(table, command === undefined ? args.slice(0, 1) : command.name.split(" ")) };
    throw usageError(error, complaints, command);
  }
  return parsed ?? { kind: "help", text: overview(groups) };
}

/**
 * The help of one command or of a word that several begin with; of all without words.
 *
 * @throws GantryError USAGE
 */
export function helpFor(table: CommandTable, words: readonly string[]): string {
  const { groups, commands } = table;
  let found: Parser = buildParser(commands, () => {});
  if (words.length === 0) return overview(groups);
  for (const [at, word] of words.entries()) {
    const next: Parser | undefined = found.commands.find((sub) => sub.name() === word);
    if (next === undefined) {
      // The parser says it, with what was probably meant.
      if (found.commands.length > 0) parseArguments(table, words.slice(0, at + 1));
      throw new GantryError("USAGE", `unknown command "${words.join(" ")}"`, { hint: "Run `gantry help`." });
    }
    found = next;
  }
  return found.helpInformation() + examplesOf(commands.find(({ name }) => name === words.join(" ")));
}

/** `gantry --json copy …` and `gantry --version`, as other tools have it: the command's word comes first. */
function commandFirst(args: readonly string[]): readonly string[] {
  if (args[0] === "--version" || args[0] === "-V") return ["version", ...args.slice(1)];
  let at = 0;
  for (; at < args.length; at++) {
    const option = EVERYWHERE.find(({ name, short }) => args[at] === `--${name}` || args[at] === `-${short}`);
    const isJoined = EVERYWHERE.some(({ name }) => args[at]!.startsWith(`--${name}=`));
    if (option === undefined && !isJoined) break;
    if (option !== undefined && option.kind !== "boolean") at += 1;
  }
  if (at === 0) return args;
  const end = args.indexOf("--", at);
  return end === -1
    ? [...args.slice(at), ...args.slice(0, at)]
    : [...args.slice(at, end), ...args.slice(0, at), ...args.slice(end)];
}

function buildParser(commands: readonly Command[], found: (parsed: Parsed) => void): Parser {
  const program = new Parser("gantry")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .configureHelp({ sortSubcommands: false });
  const groups = new Map<string, Parser>();
  for (const command of commands) {
    const words = command.name.split(" ");
    let parent: Parser = program;
    if (words.length === 2) {
      const group = words[0]!;
      parent =
        groups.get(group) ??
        program
          .command(group)
          .description(GROUPS[group] ?? "")
          .helpCommand(false)
          .showSuggestionAfterError(true);
      groups.set(group, parent);
    }
    const parser = parent
      .command(words.at(-1)!, { hidden: command.name.startsWith("__") })
      .helpOption("-h, --help", "show this")
      .usage(usageOf(command))
      .summary(command.summary)
      .description(command.description ?? `${command.summary}.`);
    parser.showSuggestionAfterError(true).allowExcessArguments(false);
    for (const spec of command.args) parser.addArgument(new Argument(syntaxOf(spec), spec.help));
    for (const spec of optionsOf(command)) parser.addOption(toOption(spec));
    parser.action((...given: unknown[]) => {
      const values: unknown = given[command.args.length];
      found({
        kind: "run",
        command,
        given: new Given(
          command.args,
          given.slice(0, command.args.length).map(toArgument),
          byName(optionsOf(command), values),
        ),
      });
    });
  }
  return program;
}

const GROUPS: Readonly<Record<string, string>> = {
  manifest: "Reads manifests and keeps lists of them",
  blob: "Reads blobs",
};

function visit(parser: Parser, act: (parser: Parser) => void): void {
  act(parser);
  for (const sub of parser.commands) visit(sub, act);
}

/** Which command the words name, and where its own words begin. */
function chosen(commands: readonly Command[], args: readonly string[]): { command: Command | undefined; at: number } {
  const two = commands.find((command) => command.name === `${args[0]} ${args[1]}`);
  if (two !== undefined) return { command: two, at: 2 };
  return { command: commands.find((command) => command.name === args[0]), at: 1 };
}

function syntaxOf({ name, optional, variadic }: ArgumentSpec): string {
  const word = `${name}${variadic ? "..." : ""}`;
  return optional ? `[${word}]` : `<${word}>`;
}

/** Names in capitals, as the options' values: `copy SOURCE DEST… [OPTION…]`. */
function usageOf({ args }: Command): string {
  const words = args.map(({ name, optional, variadic }) => {
    const word = `${name.toUpperCase()}${variadic ? "…" : ""}`;
    return optional ? `[${word}]` : word;
  });
  return [...words, "[OPTION…]"].join(" ");
}

function toOption(spec: OptionSpec): Option {
  const short = spec.short === undefined ? "" : `-${spec.short}, `;
  const value = spec.kind === "boolean" ? "" : ` <${spec.value ?? "VALUE"}>`;
  // A boolean is parsed as an option with a value; normaliseArguments has written one everywhere.
  const choices = spec.choices === undefined ? "" : ` (${spec.choices.join(", ")})`;
  const option = new Option(`${short}--${spec.name}${value === "" ? " [boolean]" : value}`, spec.help + choices);
  if (spec.heading !== undefined) option.helpGroup(spec.heading);
  option.argParser((text, before: unknown) => readOptionValue(spec, text, before));
  if (value === "") option.flags = `${short}--${spec.name}`;
  return option;
}

function toArgument(value: unknown): string | readonly string[] | undefined {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : undefined;
}

// The parser keeps values under camel-case names; ours are those of the options.
function byName(options: readonly OptionSpec[], values: unknown): Record<string, unknown> {
  const record: Readonly<Record<string, unknown>> = typeof values === "object" && values !== null ? { ...values } : {};
  return Object.fromEntries(
    options.map(({ name }) => [
      name,
      record[name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())],
    ]),
  );
}

function examplesOf(command: Command | undefined): string {
  if (command === undefined || command.examples.length === 0) return "";
  return `\nExamples:\n${command.examples.map((example) => `  ${example}`).join("\n")}\n`;
}

function usageError(error: CommanderError, complaints: readonly string[], command: Command | undefined): GantryError {
  const text = (complaints.join(" ") || error.message).replace(/^error: /, "").trim();
  const suggestion = /\((Did you mean [^)]*\?)\)/.exec(text)?.[1];
  const what = text
    .replace(/\s*\(Did you mean [^)]*\?\)/, "")
    .replaceAll("'", '"')
    .split("\n")[0]!
    .replace(/\.$/, "");
  return new GantryError("USAGE", what, {
    hint:
      suggestion ??
      (command === undefined ? "Run `gantry help` for the commands." : `Run \`gantry help ${command.name}\`.`),
  });
}
