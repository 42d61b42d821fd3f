import { appendFile } from "node:fs/promises";
import type { Terminal } from "./terminal.js";

/** Under GitHub Actions: gives later steps the outputs, and people the summary. Elsewhere it does nothing. */
export async function reportToActions(
  terminal: Terminal,
  outputs: Readonly<Record<string, string>>,
  summary: string,
): Promise<void> {
  const { GITHUB_ACTIONS, GITHUB_OUTPUT, GITHUB_STEP_SUMMARY } = terminal.env;
  if (GITHUB_ACTIONS !== "true") return;
  if (GITHUB_OUTPUT) await appendFile(GITHUB_OUTPUT, Object.entries(outputs).map(outputLine).join(""));
  if (GITHUB_STEP_SUMMARY) await appendFile(GITHUB_STEP_SUMMARY, `${summary}\n`);
}

/** Asks the runner to hide a secret in its log. */
export function maskSecret(terminal: Terminal, secret: string): void {
  if (terminal.env["GITHUB_ACTIONS"] === "true" && secret !== "")
    terminal.err(`::add-mask::${secret.replaceAll("%", "%25").replaceAll("\n", "%0A")}\n`);
}

// A value with a line break needs the runner's heredoc form, with a delimiter that the value does not hold.
function outputLine([name, value]: [string, string]): string {
  if (!value.includes("\n")) return `${name}=${value}\n`;
  let delimiter = "GANTRY";
  while (value.includes(delimiter)) delimiter += "_";
  return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
}
