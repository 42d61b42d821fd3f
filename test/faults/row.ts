import type { Timeouts } from "../../src/net/index.js";
import type { FaultProxy, FaultProxyOptions } from "./fault-proxy.js";
import type { Rule } from "./rules.js";

/** One fault, and what has to come of it. */
export interface Row {
  readonly id: string;
  /** The fault, for people. */
  readonly what: string;
  /** `either`: both are right, as long as nothing leaks, hangs or is corrupt. */
  readonly want: "survive" | "refuse" | "either";
  readonly rules?: (proxy: FaultProxy) => readonly Rule[];
  readonly gate?: (proxy: { readonly elsewhere: string }) => NonNullable<FaultProxyOptions["gate"]>;
  readonly refuseForMs?: number;
  readonly seed?: number;
  /** The most body bytes over those needed, in the direction of the transfer, as a factor. */
  readonly resent?: number;
  /** The most requests. */
  readonly requests?: number;
  /** The most bytes that may come down. */
  readonly down?: number;
  /** The registry moves the name before it fails. */
  readonly named?: boolean;
  /** How many tags a list has to have. */
  readonly count?: number;
  /** The code of the error, where it says more than that it failed. */
  readonly code?: RegExp;
  /** What else has to be so. @returns complaints */
  readonly also?: (outcome: Outcome, proxy: FaultProxy) => readonly string[];
  /** For faults that only a clock ends: the library is made as impatient as this. */
  readonly timeouts?: Partial<Timeouts>;
  /** What is otherwise when other tools run too, which cannot be told to be impatient. */
  readonly beside?: Partial<Row>;
  /** Milliseconds; a tool that needs longer hangs. */
  readonly deadline?: number;
}

/** What a tool does in a row. */
export type Direction = "push" | "pull" | "copy" | "list";

/** How a tool fared. */
export interface Outcome {
  readonly verdict: "ok" | "failed" | "hung" | "corrupt";
  readonly error?: unknown;
  readonly milliseconds: number;
  readonly requests: number;
  readonly up: number;
  readonly down: number;
  readonly leaks: number;
  /** Of a list of tags. */
  readonly count?: number | undefined;
  /** What is wrong with what it left. */
  readonly damage: readonly string[];
}

/** Everything about an outcome that is not as the row wants it. */
export function complaints(
  row: Row,
  outcome: Outcome,
  direction: Direction,
  needed: number,
  proxy: FaultProxy,
): string[] {
  const found = [...outcome.damage];
  const { verdict, error } = outcome;
  if (verdict === "hung" || verdict === "corrupt") found.push(verdict);
  if (row.want === "survive" && verdict === "failed") found.push(`failed: ${describe(error)}`);
  if (row.want === "refuse" && verdict === "ok") found.push("succeeded");
  if (row.count !== undefined && verdict === "ok" && outcome.count !== row.count)
    found.push(`lists ${outcome.count} tags`);
  if (outcome.leaks > 0) found.push(`sent ${outcome.leaks} credentials elsewhere`);
  const moved = (direction === "push" || direction === "copy" ? outcome.up : outcome.down) / needed;
  if (row.resent !== undefined && moved > row.resent) found.push(`moved ${moved.toFixed(2)} times what was needed`);
  if (row.requests !== undefined && outcome.requests > row.requests) found.push(`${outcome.requests} requests`);
  if (row.down !== undefined && outcome.down > row.down) found.push(`${outcome.down} bytes came`);
  if (row.code !== undefined && verdict === "failed" && !row.code.test(codeOf(error)))
    found.push(`failed: ${describe(error)}`);
  return [...found, ...(row.also?.(outcome, proxy) ?? [])];
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const where = "where" in error ? ` (${String(error.where)})` : "";
  return `${codeOf(error)} ${error.message}${where}`;
}
