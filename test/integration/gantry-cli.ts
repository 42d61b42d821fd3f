import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The command line as a user has it: the built one, in a process of its own. */
export const GANTRY: string = join(import.meta.dirname, "../../bin/gantry");

/** What a command line did. */
export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command line is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Gets the process while it runs, to interrupt it. */
  readonly running?: (child: ChildProcess, stderr: () => string) => void;
}

/** A user's home and working folder of their own, removed at the end. */
export class Sandbox implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<Sandbox> {
    return new Sandbox(await mkdtemp(join(tmpdir(), "gantry-cli-")));
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Runs gantry with nothing of this machine's settings. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const env = { PATH: process.env["PATH"] ?? "", HOME: this.root, ...options.env };
    const child = spawn(process.execPath, [GANTRY, ...args], {
      cwd: options.cwd ?? this.root,
      env,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.stdin.on("error", () => {}).end(options.input ?? "");
    options.running?.(child, () => stderr);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
  }

  /** Runs gantry, which has to succeed; answers stdout. */
  async ok(args: readonly string[], options?: RunOptions): Promise<string> {
    const ran = await this.run(args, options);
    if (ran.code !== 0) throw new Error(`gantry ${args.join(" ")} ended with ${ran.code}:\n${ran.stderr}${ran.stdout}`);
    return ran.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
