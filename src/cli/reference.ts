import type { Command, CommandTable, OptionSpec } from "./command.js";
import { EVERYWHERE, NETWORK, SIDED } from "./options.js";

/** Every command as Markdown: the generated part of docs/commands.md. */
export function reference({ groups }: CommandTable): string {
  const shared = new Set<OptionSpec>([...EVERYWHERE, ...NETWORK, ...SIDED]);
  const blocks = groups.flatMap(({ heading, commands }) => [
    `### ${heading}`,
    ...commands.flatMap((command) => describe(command, shared)),
  ]);
  const tables = [
    ["Options of every command", EVERYWHERE],
    ["Options for registries", NETWORK],
    ["Options for one side", SIDED],
  ] as const;
  const common = tables.flatMap(([heading, options]) => [`### ${heading}`, table(options)]);
  return [...blocks, ...common].join("\n\n");
}

function describe(command: Command, shared: ReadonlySet<OptionSpec>): string[] {
  const words = command.args.map(({ name, optional, variadic }) => {
    const word = `${name.toUpperCase()}${variadic ? "…" : ""}`;
    return optional ? `[${word}]` : word;
  });
  const own = command.options.filter((option) => !shared.has(option));
  const also = [
    command.options.some((option) => NETWORK.includes(option)) ? "the options for registries" : "",
    command.options.some((option) => SIDED.includes(option)) ? "for one side" : "",
  ].filter((text) => text !== "");
  return [
    `#### \`${["gantry", command.name, ...words].join(" ")}\``,
    command.description ?? `${command.summary}.`,
    ...(command.args.length === 0
      ? []
      : [command.args.map(({ name, help }) => `* \`${name.toUpperCase()}\`: ${help}`).join("\n")]),
    ...(own.length === 0 ? [] : [table(own)]),
    ...(also.length === 0 ? [] : [`Also takes ${also.join(" and those ")}.`]),
    ...(command.examples.length === 0 ? [] : [`\`\`\`sh\n${command.examples.join("\n")}\n\`\`\``]),
  ];
}

function table(options: readonly OptionSpec[]): string {
  const rows = options.map(({ name, short, kind, value, help, choices }) => {
    const flag = `${short === undefined ? "" : `-${short}, `}--${name}${kind === "boolean" ? "" : ` ${value ?? "VALUE"}`}`;
    const text = `${help}${choices === undefined ? "" : ` (${choices.join(", ")})`}${kind === "list" || kind === "texts" ? "; may be repeated" : ""}`;
    return `| \`${flag.replaceAll("|", "\\|")}\` | ${text.replaceAll("|", "\\|").replaceAll("*", "\\*")} |`;
  });
  return ["| option | |", "| --- | --- |", ...rows].join("\n");
}
