import { GantryError } from "../errors.js";
import type { DestinationReport, TransferFailed } from "../gantry.js";
import { EXIT, exitCodeOf } from "./exit-code.js";
import { annotateError } from "./github-actions.js";
import { oneLine, printable, type Terminal } from "./terminal.js";

/** How the command line tells of a failure. */
export interface ErrorStyle {
  readonly json: boolean;
  readonly debug: boolean;
}

/** Whatever was thrown, as the one error class. */
export function toGantryError(error: unknown): GantryError {
  if (GantryError.is(error)) return error;
  if (error instanceof Error) {
    if (error.name === "AbortError") return new GantryError("INTERRUPTED", "interrupted", { cause: error });
    const code = "code" in error ? String(error.code) : "";
    if (/^E[A-Z0-9]+$/.test(code)) return systemError(error, code);
    return new GantryError("INTERNAL", error.message, {
      cause: error,
      hint: "This is a bug in gantry; run again with --debug and report it.",
    });
  }
  return new GantryError("INTERNAL", String(error));
}

/** Node says `EACCES: permission denied, open '/etc/x'`; people read "permission denied (/etc/x)". */
function systemError(error: Error, code: string): GantryError {
  const kind = code === "ENOENT" ? "FILE_NOT_FOUND" : code === "ENOSPC" || code === "EDQUOT" ? "DISK_FULL" : "IO";
  const said = /^E[A-Z0-9]+: ([^,]+),/.exec(error.message)?.[1] ?? error.message;
  const path = "path" in error && typeof error.path === "string" ? error.path : undefined;
  return new GantryError(kind, said, { where: path, cause: error });
}

/** Prints the one error: a line on stderr, or an object on stdout under `--json`. Answers the exit code. */
export function reportError(thrown: unknown, terminal: Terminal, style: ErrorStyle): number {
  const error = toGantryError(thrown);
  const exitCode = exitCodeOf(error.code);
  const destinations = reportedDestinations(thrown);
  const beside = destinations.length === 0 ? {} : { destinations };
  if (style.json) terminal.out(`${JSON.stringify({ error: error.toJSON(), ...beside })}\n`);
  annotateError(terminal, errorLine(error), error.where);
  if (!style.json || exitCode === EXIT.interrupted) terminal.err(`gantry: ${errorLine(error)}\n`);
  if (style.debug && error.stack !== undefined) terminal.err(`${printable(describeCauses(error))}\n`);
  return exitCode;
}

/** How each destination of a failed transfer fared. Not asked by its class, for that would load the library to fail. */
export function reportedDestinations(thrown: unknown): readonly DestinationReport[] {
  return GantryError.is(thrown) && "report" in thrown ? (thrown as TransferFailed).report.destinations : [];
}

/** `WHAT (WHERE). HINT`, on one line. */
export function errorLine(error: GantryError): string {
  const side = error.side === undefined ? "" : `${error.side} `;
  const where = error.where === undefined || error.message.includes(error.where) ? "" : ` (${side}${error.where})`;
  const hint = error.hint === undefined ? "" : ` ${error.hint}`;
  return oneLine(`${error.message}${where}.${hint}`);
}

function describeCauses(error: Error): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error && parts.length < 8; at = at.cause)
    parts.push(at.stack ?? at.message);
  return parts.join("\ncaused by: ");
}
