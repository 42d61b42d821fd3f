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
  const labels = shown.map(({ label }) => oneLine(label));
  const longest = Math.min(MAX_LABEL, Math.max(0, ...labels.map((label) => label.length)));
  const lines = shown.map((one, at) => bar({ ...one, label: labels[at]!.padEnd(longest) }, width, terminal));
  if (rest > 0) lines.push(fit(`and ${rest} more`, width));
  if (summary !== undefined) lines.push(fit(summary, width));
  return lines.join("\n");
}

const MAX_BARS = 8;
const MAX_CELLS = 30;
/** `sha256:` and twelve digits. */
const MIN_LABEL = 19;
const MAX_LABEL = 48;

function bar({ label, size, sent }: Running, width: number, terminal: Parameters<typeof renderBars>[2]): string {
  const share = size <= 0 ? 1 : Math.max(0, Math.min(1, sent / size));
  const amount = `${formatBytes(Math.max(0, sent)).padStart(6)} / ${formatBytes(size).padStart(6)}`;
  const numbers = `${String(Math.floor(share * 100)).padStart(3)}% ${amount}`;
  // The numbers matter most, then the beginning of the label, then the picture.
  const cells = Math.min(MAX_CELLS, width - numbers.length - MIN_LABEL - 4);
  if (cells < 5) return fit(`${fit(label, Math.max(0, width - numbers.length - 1))} ${numbers}`.trimStart(), width);
  const full = Math.round(share * cells);
  const filled = `${"=".repeat(full)}${full < cells ? ">" : ""}`;
  const picture = `[${paint(terminal, "err", "cyan", filled)}${" ".repeat(cells - filled.length)}]`;
  return `${fit(label, Math.min(MAX_LABEL, width - numbers.length - cells - 4))} ${picture} ${numbers}`;
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
