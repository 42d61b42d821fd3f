import { appendFile } from "node:fs/promises";
import type { Terminal } from "./terminal.js";

/** Under GitHub Actions: gives later steps the outputs, and people the summary. Elsewhere it does nothing. */
export async function reportToActions(
  terminal: Pick<Terminal, "env">,
  outputs: Readonly<Record<string, string>>,
  summary: string,
): Promise<void> {
  const { GITHUB_ACTIONS, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = terminal.env;
  if (GITHUB_ACTIONS !== "true") return;
  if (GITHUB_OUTPUT) await appendFile(GITHUB_OUTPUT, Object.entries(outputs).map(outputLine).join(""));
  if (GITHUB_STEP_SUMMARY) await appendFile(GITHUB_STEP_SUMMARY, `${summary}\n`);
}

/** Asks the runner to hide a secret in its log. The runner hides line by line, so each line is asked for. */
export function maskSecret(terminal: Pick<Terminal, "env" | "err">, secret: string): void {
  if (terminal.env["GITHUB_ACTIONS"] !== "true") return;
  for (const line of secret.split(/[\r\n]+/)) if (line.trim() !== "") terminal.err(`::add-mask::${escapeData(line)}\n`);
}

/** An error as the runner shows it beside the code: with file and line where they are known. */
export function annotateError(terminal: Pick<Terminal, "env" | "err">, line: string, where: string | undefined): void {
  if (terminal.env["GITHUB_ACTIONS"] !== "true") return;
  const place = /^(?<file>.+\.ya?ml):(?<line>\d+):(?<column>\d+)$/.exec(where ?? "")?.groups;
  const at =
    place === undefined ? "" : `,file=${escapeProperty(place["file"]!)},line=${place["line"]},col=${place["column"]}`;
  terminal.err(`::error title=gantry${at}::${escapeData(line)}\n`);
}

const escapeData = (text: string): string =>
  text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
const escapeProperty = (text: string): string => escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");

// A value with a line break needs the runner's heredoc form, with a delimiter that the value does not hold.
function outputLine([name, value]: [string, string]): string {
  if (!value.includes("\n")) return `${name}=${value}\n`;
  let delimiter = "GANTRY";
  while (value.split("\n").includes(delimiter)) delimiter += "_";
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
