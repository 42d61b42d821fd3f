import { stripVTControlCharacters, styleText } from "node:util";

/** The process that the command line runs in, as one value, so that tests can give another. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Data. */
  out(text: string | Uint8Array): void;
  /** The same, resolved when the reader can take more: for what does not fit in memory. */
  outAndWait(bytes: Uint8Array): Promise<void>;
  /** Progress, notes, errors. */
  err(text: string): void;
  /** Resolves when everything written to stdout has been taken. */
  flush(): Promise<void>;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly inIsTerminal: boolean;
  /** Of stderr, now: a window changes its size. */
  readonly columns: number;
  readonly rows: number;
  readonly stdin: AsyncIterable<Uint8Array>;
}

/** Styles that are left out where NO_COLOR, TERM=dumb or a pipe says so. */
export type Style = Parameters<typeof styleText>[0];

/** Colours text for stdout or stderr, or not. */
export function paint(
  terminal: Pick<Terminal, "env" | "outIsTerminal" | "errIsTerminal">,
  to: "out" | "err",
  style: Style,
  text: string,
): string {
  const isTerminal = to === "out" ? terminal.outIsTerminal : terminal.errIsTerminal;
  const { NO_COLOR, TERM, FORCE_COLOR } = terminal.env;
  const wanted = FORCE_COLOR !== undefined && FORCE_COLOR !== "0" ? true : isTerminal && !NO_COLOR && TERM !== "dumb";
  return wanted ? styleText(style, text, { validateStream: false }) : text;
}

/** {@link printable} on one line, so that text from outside cannot start a line of its own that looks like ours. */
export const oneLine = (text: string): string => printable(text.replaceAll(/\s+/g, " "));

/**
 * Makes text from outside (labels, history, a registry's message) safe to print: control characters could move the
 * cursor, set the title or hide text (CVE-2021-25743).
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
