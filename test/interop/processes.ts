import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A program that was started and says that it is ready. */
export interface Running {
  readonly pid: number;
  /** The line that said so: the groups of the `ready` expression. */
  readonly ready: RegExpExecArray;
  /** Everything that it has written so far, both streams. */
  output(): string;
  /** Asks it to end, waits, and kills it when it does not. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Matched against what the program writes; the port usually stands in it. */
  readonly ready: RegExp;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds until a program that is not ready is a failure. */
  readonly within?: number;
}

/** The answer of a program that ran to its end. */
export interface Done {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Answer a failure instead of throwing it. */
  readonly mayFail?: boolean;
  readonly within?: number;
}

/**
 * Starts a program that goes on running, and waits until it says that it is ready. It ends at `stop()`, when this
 * process ends, and, on Linux, also when this process is killed.
 *
 * @throws Error with everything that it wrote when it ends early or is not ready in time.
 */
export async function start(command: string, args: readonly string[], options: StartOptions): Promise<Running> {
  const guarded = guard(command, args);
  const child = spawn(guarded.command, guarded.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  let text = "";
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (status, signal) => resolve(`it ended with ${signal ?? status}`));
  });
  const ready = new Promise<RegExpExecArray>((resolve) => {
    const take = (chunk: Buffer): void => {
      // A registry's access log must not grow in memory; what comes after readiness is for reading failures only.
      text = (text + chunk.toString()).slice(-1_000_000);
      const match = options.ready.exec(text);
      if (match !== null) resolve(match);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(timer);
    }
    children.delete(child);
  };
  const late = new Promise<string>((resolve) => {
    setTimeout(() => resolve("it was not ready in time"), options.within ?? 30_000).unref();
  });
  const first = await Promise.race([ready, ended, late]);
  if (typeof first === "string") {
    await stop();
    throw new Error(`${command} ${args.join(" ")}: ${first}\n${text}`);
  }
  return { pid: child.pid!, ready: first, output: () => text, stop };
}

/**
 * Runs a program to its end without blocking this process, which may be the server that the program talks to.
 *
 * @throws Error with its standard error when its status is not 0, unless `mayFail`.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Done> {
  const child = spawn(command, args, { cwd: options.cwd, env: { ...process.env, ...options.env } });
  children.add(child);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const timer = setTimeout(() => child.kill("SIGKILL"), options.within ?? 240_000);
  const status = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 128));
  });
  clearTimeout(timer);
  children.delete(child);
  const done = { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString(), status };
  if (status !== 0 && options.mayFail !== true) {
    throw new Error(`${command} ${args.join(" ")}: status ${status}\n${done.stderr}${done.stdout}`);
  }
  return done;
}

/** A new empty folder, removed when this process ends. The caller may remove it earlier. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gantry-interop-"));
  folders.add(folder);
  return folder;
}

/** Removes a folder, and what engines may have mounted inside it. */
export function removeFolder(folder: string): void {
  if (process.platform === "linux" && process.getuid?.() === 0) {
    const mounts = spawnSync("findmnt", ["-rno", "TARGET"], { encoding: "utf8" }).stdout ?? "";
    const inside = mounts.split("\n").filter((target) => target.startsWith(`${folder}/`));
    for (const target of inside.reverse()) spawnSync("umount", ["-l", target]);
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.delete(folder);
}

const children = new Set<ChildProcess>();
const folders = new Set<string>();

function endAll(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const folder of folders) removeFolder(folder);
}

process.once("exit", endAll);
// The test runner ends its workers with a signal, which runs no exit handler.
process.once("SIGTERM", () => {
  endAll();
  process.exit(143);
});

/** A test runner that kills its worker runs no exit handler: the kernel is asked to end the child with its parent. */
function guard(command: string, args: readonly string[]): { command: string; args: readonly string[] } {
  if (process.platform !== "linux") return { command, args };
  if (spawnSync("setpriv", ["--pdeathsig", "TERM", "true"]).status !== 0) return { command, args };
  return { command: "setpriv", args: ["--pdeathsig", "TERM", command, ...args] };
}
