import { GantryError } from "../errors.js";
import type { Gantry, GantryOptions, SideOptions } from "../gantry.js";
import type { CommandTable, Given } from "./command.js";
import { maskSecret } from "./github-actions.js";
import { createProgress, type Progress, progressMode, retryLine } from "./progress.js";
import { printable, type Terminal } from "./terminal.js";

/** What a {@link Context} is made of. */
export interface ContextParts {
  readonly commands: CommandTable;
  readonly given: Given;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** What a command runs with: its arguments, the terminal, and gantry with the common options applied. */
export class Context {
  readonly commands: CommandTable;
  readonly given: Given;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly #started = performance.now();
  /** What the process ends with when the command does not throw. */
  exitCode = 0;
  #gantry: Promise<Gantry> | undefined;
  #closing = false;
  #progress: Promise<Progress> | undefined;

  constructor({ commands, given, terminal, signal }: ContextParts) {
    this.commands = commands;
    this.given = given;
    this.terminal = terminal;
    this.signal = signal;
    this.json = given.flag("json") ?? false;
    this.quiet = given.flag("quiet") ?? false;
    this.verbose = given.flag("verbose") ?? false;
  }

  /** The library, loaded when a command needs it, set up by the common options and the environment. */
  gantry(): Promise<Gantry> {
    this.#gantry ??= import("../gantry.js").then(({ Gantry }) => new Gantry(this.#options()));
    return this.#gantry;
  }

  progress(): Promise<Progress> {
    this.#progress ??= createProgress(
      this.terminal,
      progressMode(this.terminal, this.given.text("progress"), {
        quiet: this.quiet,
        debug: this.given.flag("debug") ?? false,
      }),
    );
    return this.#progress;
  }

  /** Prints data: the object under `--json`, else the text. */
  print(value: unknown, text: string): void {
    if (this.json) this.terminal.out(`${JSON.stringify(value)}\n`);
    else if (text !== "") this.terminal.out(text.endsWith("\n") ? text : `${text}\n`);
  }

  /** A remark for people, on stderr. */
  note(text: string): void {
    if (!this.quiet) this.terminal.err(`${printable(text)}\n`);
  }

  /** The one platform that `--platform` names, for commands that read one image. @throws GantryError USAGE */
  platform(): { readonly platform?: string } {
    const [platform, ...others] = this.given.list("platform");
    if (others.length > 0)
      throw new GantryError("USAGE", "this command reads one platform", { hint: "Give --platform once." });
    return platform === undefined ? {} : { platform };
  }

  /** Seconds since the command began: what it read and planned is part of what a write took. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Reads standard input whole, for passwords and documents. */
  async readInput(limit: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of this.terminal.stdin) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length > limit) throw new GantryError("TOO_LARGE", `standard input is larger than ${limit} bytes`);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  async close(): Promise<void> {
    // What was on its way is broken off now, and nobody wants to hear that it would be tried again.
    this.#closing = true;
    (await this.#progress)?.close();
    // What it failed with was told already, by the command that waited for it.
    const gantry = await this.#gantry?.catch(() => undefined);
    await gantry?.[Symbol.asyncDispose]();
  }

  #options(): GantryOptions {
    const { given, terminal } = this;
    const concurrency = given.number("concurrency");
    const retry = given.number("retry");
    const retryDelay = given.number("retry-delay");
    if (concurrency === 0)
      throw new GantryError("USAGE", "invalid value 0 for --concurrency", { hint: "It takes at least 1." });
    return {
      env: terminal.env,
      cwd: terminal.cwd,
      ...this.#side(""),
      source: this.#side("src-"),
      destination: this.#side("dest-"),
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(retry === undefined ? {} : { retry }),
      ...(retryDelay === undefined ? {} : { retryDelay }),
      onRetry: (event) => {
        if (!this.#closing) this.note(retryLine(event));
      },
      ...(given.flag("debug") ? { log: (line: string) => terminal.err(`${line}\n`) } : {}),
    };
  }

  #side(prefix: "" | "src-" | "dest-"): SideOptions {
    const { given } = this;
    const authFile = given.text(`${prefix}authfile`);
    const creds = given.text(`${prefix}creds`);
    const registryToken = given.text(`${prefix}registry-token`);
    const certDir = given.text(`${prefix}cert-dir`);
    const tlsVerify = given.flag(`${prefix}tls-verify`);
    if (creds !== undefined && registryToken !== undefined) {
      throw new GantryError("USAGE", `--${prefix}creds and --${prefix}registry-token exclude each other`, {
        hint: "Give one of them.",
      });
    }
    if (creds !== undefined) maskSecret(this.terminal, creds.slice(creds.indexOf(":") + 1));
    if (registryToken !== undefined) maskSecret(this.terminal, registryToken);
    return {
      ...(authFile === undefined ? {} : { authFile }),
      ...(creds === undefined ? {} : { creds }),
      ...(registryToken === undefined ? {} : { registryToken }),
      ...(certDir === undefined ? {} : { certDir }),
      ...(tlsVerify === undefined ? {} : { tlsVerify }),
    };
  }
}
