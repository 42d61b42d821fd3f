import type { Terminal } from "./terminal.js";

/** A terminal that keeps what is written to it, for tests. */
export class FakeTerminal implements Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string = "/";
  readonly outIsTerminal: boolean = false;
  readonly errIsTerminal: boolean;
  readonly inIsTerminal: boolean = false;
  columns: number;
  rows: number = 24;
  stdout: string = "";
  stderr: string = "";

  constructor({
    env = {},
    errIsTerminal = false,
    columns = 80,
  }: { env?: Record<string, string>; errIsTerminal?: boolean; columns?: number } = {}) {
    this.env = env;
    this.errIsTerminal = errIsTerminal;
    this.columns = columns;
  }

  get stdin(): AsyncIterable<Uint8Array> {
    return (async function* () {})();
  }

  out(text: string | Uint8Array): void {
    this.stdout += typeof text === "string" ? text : Buffer.from(text).toString("utf8");
  }

  outAndWait(bytes: Uint8Array): Promise<void> {
    this.out(bytes);
    return Promise.resolve();
  }

  err(text: string): void {
    this.stderr += text;
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}
