import { GantryError } from "../errors.js";
import { COMMANDS } from "./commands.js";
import { Context } from "./context.js";
import { reportError } from "./error-report.js";
import { EXIT } from "./exit-code.js";
import { processTerminal } from "./process-terminal.js";
import { parseArguments } from "./program.js";
import { printable, type Terminal } from "./terminal.js";

/** Runs one command line and answers its exit code. */
export async function main(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const style = { json: saysTrue(args, "json"), debug: saysTrue(args, "debug") };
  let context: Context | undefined;
  try {
    const parsed = parseArguments(COMMANDS, args);
    if (parsed.kind === "help") {
      terminal.out(style.json ? `${JSON.stringify({ help: parsed.text })}\n` : parsed.text);
      return EXIT.done;
    }
    context = new Context({ commands: COMMANDS, given: parsed.given, terminal, signal });
    await parsed.command.run(context);
    return context.exitCode;
  } catch (error) {
    return reportError(signal.aborted ? (signal.reason ?? error) : error, terminal, style);
  } finally {
    await context?.close().catch((error: unknown) => terminal.err(`gantry: ${printable(String(error))}\n`));
    await terminal.flush();
  }
}

/** Before the arguments are parsed, and when they cannot be, the style of the error still counts. */
function saysTrue(args: readonly string[], name: string): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === `--${name}` || arg === `--${name}=true`);
}

/** Ctrl-C once ends in order, twice at once. */
function onSignals(stop: AbortController): void {
  for (const [name, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(128 + number);
      stop.abort(
        new GantryError("INTERRUPTED", "interrupted", {
          hint: "Run the same command again to go on where it stopped.",
        }),
      );
    });
  }
}

const stop = new AbortController();
onSignals(stop);
process.exitCode = await main(process.argv.slice(2), processTerminal(), stop.signal);
