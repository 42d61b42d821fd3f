import { join } from "node:path";
import { type Done, run, type RunOptions } from "./processes.js";

/** The command line under test, as a program and its first arguments: this Node, the `bin/gantry` of this checkout. */
export function gantryCommand(node: string = process.execPath): { command: string; args: string[] } {
  return { command: node, args: [join(import.meta.dirname, "../../bin/gantry")] };
}

/** Runs it. @throws Error with what it wrote when its exit code is not 0, unless `mayFail`. */
export function gantry(args: readonly string[], options: RunOptions = {}): Promise<Done> {
  const { command, args: first } = gantryCommand();
  return run(command, [...first, ...args], options);
}

/** What a write answers under `--json`: the part that the tests read. */
export interface WriteReport {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  readonly destinations: readonly { readonly name: string; readonly digest: string; readonly status: string }[];
  readonly totals: Readonly<
    Record<"uploaded" | "mounted" | "present", { readonly count: number; readonly bytes: number }>
  >;
  readonly requests: number;
  readonly seconds: number;
}

/** Runs a writing command with `--json` and answers its report. */
export async function gantryReport(args: readonly string[], options: RunOptions = {}): Promise<WriteReport> {
  const done = await gantry([...args, "--json"], options);
  return JSON.parse(done.stdout) as WriteReport;
}
