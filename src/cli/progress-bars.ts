import { formatBytes } from "./format.js";
import type { Running } from "./progress-state.js";
import { oneLine, paint, type Terminal } from "./terminal.js";

/** A line for each of what is running, none wider than the terminal, and the summary below. */
export function renderBars(
  running: readonly Running[],
  summary: string | undefined,
  terminal: Pick<Terminal, "columns" | "rows" | "env" | "outIsTerminal" | "errIsTerminal">,
): string {
  // A line as wide as the window wraps in some terminals, and what wraps cannot be redrawn.
  const width = Math.max(10, terminal.columns - 1);
  const room = Math.max(1, Math.min(MAX_BARS, terminal.rows - 4));
  const shown = running.slice(0, room);
  const rest = running.length - shown.length;
  const lines = shown.map((one) => bar(one, width, terminal));
  if (rest > 0) lines.push(fit(`and ${rest} more`, width));
  if (summary !== undefined) lines.push(fit(summary, width));
  return lines.join("\n");
}

const MAX_BARS = 8;
const LABEL = 19;

function bar({ label, size, sent }: Running, width: number, terminal: Parameters<typeof renderBars>[2]): string {
  const share = size <= 0 ? 1 : Math.max(0, Math.min(1, sent / size));
  const numbers = `${String(Math.floor(share * 100)).padStart(3)}% ${formatBytes(Math.max(0, sent)).padStart(7)} / ${formatBytes(size)}`;
  // The numbers matter most, then the label, then the picture.
  const cells = Math.min(30, width - numbers.length - LABEL - 4);
  const space = width - numbers.length - (cells >= 5 ? cells + 4 : 1);
  const name = fit(oneLine(label), Math.max(0, Math.min(space, 48))).padEnd(Math.min(space, LABEL));
  if (cells < 5) return fit(`${name} ${numbers}`.trimStart(), width);
  const full = Math.round(share * cells);
  const filled = `${"=".repeat(full)}${full < cells ? ">" : ""}`;
  return `${name} [${paint(terminal, "err", "cyan", filled)}${" ".repeat(cells - filled.length)}] ${numbers}`;
}

/** The beginning that fits; whatever is not ASCII may be two columns wide. */
function fit(text: string, width: number): string {
  let used = 0;
  let result = "";
  for (const character of text) {
    used += character.codePointAt(0)! < 0x7f || character === "…" ? 1 : 2;
    if (used > width) return width < 2 ? "" : `${result.slice(0, -1)}…`;
    result += character;
  }
  return result;
}
