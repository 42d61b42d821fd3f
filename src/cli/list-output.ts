import type { Context } from "./context.js";
import { errorLine, toGantryError } from "./error-report.js";
import { exitCodeOf } from "./exit-code.js";
import { oneLine } from "./terminal.js";

/** How a list is printed. */
export interface ListOutput {
  /** What stands before the list in the object of `--json`. */
  readonly about: Readonly<Record<string, string>>;
  /** The list's key. */
  readonly key: string;
}

/** Names are written by the page, not one by one. */
const BATCH = 16 * 1024;

/**
 * Prints names as they come, a line each or as one JSON object, and holds none of them: a repository may have two
 * million tags. Where the list breaks off after its beginning was printed, the object still ends as JSON, with `error`.
 */
export async function printList(
  context: Context,
  names: AsyncIterable<string>,
  { about, key }: ListOutput,
): Promise<void> {
  const { terminal, json } = context;
  const encoder = new TextEncoder();
  let pending = "";
  let count = 0;
  const write = async (text: string): Promise<void> => {
    pending += text;
    if (pending.length < BATCH) return;
    await terminal.outAndWait(encoder.encode(pending));
    pending = "";
  };
  const head = `${JSON.stringify(about).slice(0, -1)},${JSON.stringify(key)}:[`;
  try {
    for await (const name of names) {
      if (json) await write((count === 0 ? head : ",") + JSON.stringify(name));
      else await write(`${oneLine(name)}\n`);
      count += 1;
    }
  } catch (error) {
    if (json && count === 0) throw error;
    if (!json) {
      terminal.out(pending);
      throw error;
    }
    const failure = toGantryError(error);
    context.exitCode = exitCodeOf(failure.code);
    terminal.out(`${pending}],"error":${JSON.stringify(failure)}}\n`);
    if (!context.quiet) terminal.err(`gantry: ${errorLine(failure)}\n`);
    return;
  }
  if (json) terminal.out(`${pending}${count === 0 ? head : ""}]}\n`);
  else terminal.out(pending);
}
