import type { CommandGroup } from "./command.js";

/** The help of `gantry` alone: every command with a line that says what it is for. */
export function overview(groups: readonly CommandGroup[]): string {
  const width = Math.max(...groups.flatMap(({ commands }) => commands.map(({ name }) => name.length)));
  const blocks = groups.map(({ heading, commands }) =>
    [`${heading}:`, ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`)].join("\n"),
  );
  return `${[USAGE, ...blocks, CLOSING].join("\n\n")}\n`;
}

const USAGE = `Usage: gantry COMMAND [ARGUMENT…] [OPTION…]

Builds, moves, merges and publishes container images. No daemon, no Docker, no root.`;

const CLOSING = `Image names: HOST/REPOSITORY[:TAG][@DIGEST] (also as docker://…), oci:PATH[:REF], local:NAME (gantry's own store).
Every command takes --json, --quiet, --verbose, --debug and --progress.
\`gantry help COMMAND\` explains a command, with examples that run.`;
