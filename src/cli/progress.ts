import type { GantryEvent } from "../gantry.js";
import { formatBytes, formatSeconds } from "./format.js";
import { renderBars } from "./progress-bars.js";
import { ProgressState } from "./progress-state.js";
import { oneLine, type Terminal } from "./terminal.js";

/** Shows events on stderr. */
export interface Progress {
  event(event: GantryEvent): void;
  /** A line of its own, above whatever is being redrawn. */
  note(text: string): void;
  close(): void;
}

/** How progress is shown. */
export type ProgressMode = "bar" | "plain" | "json" | "none";

/** Time, so that tests can give another. */
export interface Clock {
  now(): number;
  /** Calls again and again; answers how to stop it. Does not keep the process alive. */
  every(milliseconds: number, act: () => void): () => void;
}

const CLOCK: Clock = {
  now: () => performance.now(),
  every: (milliseconds, act) => {
    const timer = setInterval(act, milliseconds);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/** Bars for people, lines for logs, events for programs. */
export async function createProgress(terminal: Terminal, mode: ProgressMode, clock: Clock = CLOCK): Promise<Progress> {
  if (mode === "none") return { event() {}, note() {}, close() {} };
  if (mode === "json") return jsonProgress(terminal, clock);
  const redraw = mode === "bar" ? (await import("log-update")).logUpdateStderr : undefined;
  return liveProgress(terminal, clock, redraw);
}

/** What the environment wants, unless an option says otherwise. */
export function progressMode(
  terminal: Pick<Terminal, "env" | "errIsTerminal">,
  wanted: string | undefined,
  { quiet, debug }: { readonly quiet: boolean; readonly debug: boolean },
): ProgressMode {
  if (wanted === "bar" || wanted === "plain" || wanted === "json" || wanted === "none") return wanted;
  if (quiet) return "none";
  // A trace between bars is not to be read.
  const canRedraw = terminal.errIsTerminal && terminal.env["TERM"] !== "dumb" && !terminal.env["CI"];
  return canRedraw && !debug ? "bar" : "plain";
}

/** What is said of something that is tried again. */
export function retryLine({ destination, reason, delay }: GantryEvent & { readonly type: "retry" }): string {
  const when = delay === undefined || delay < 100 ? "" : ` in ${formatSeconds(delay / 1000)}`;
  return `${destination}: ${reason}; trying again${when}.`;
}

const DRAW_MS = 100;
const PLAIN_MS = 3000;
const JSON_MS = 500;

/** A JSON object a line (docs/commands.md, "Progress events"). */
function jsonProgress(terminal: Terminal, clock: Clock): Progress {
  const state = new ProgressState();
  const write = (value: object): void => terminal.err(`${JSON.stringify(value)}\n`);
  let last = clock.now();
  return {
    event(event) {
      const now = clock.now();
      state.take(event, now);
      if (event.type === "build") {
        if (event.event.type !== "bytes") write({ ...event.event, type: `build-${event.event.type}` });
      } else if (event.type === "bytes" || event.type === "planning") {
        // One for every chunk would be more text than content.
        if (now - last < JSON_MS) return;
        last = now;
        write(event.type === "planning" ? event : { type: "progress", ...state.numbers(now) });
      } else write(event);
    },
    note: (text) => write({ type: "note", text }),
    close() {},
  };
}

/** Replaces what was drawn last. */
type Redraw = ((...text: string[]) => void) & { clear(): void };

/** On a terminal redrawn ten times a second; elsewhere a line every few seconds. */
function liveProgress(terminal: Terminal, clock: Clock, redraw: Redraw | undefined): Progress {
  const state = new ProgressState();
  let closed = false;
  const draw = (): void => {
    const now = clock.now();
    if (redraw !== undefined) redraw(renderBars(state.running, state.summary(now), terminal));
    else for (const line of plainLines(state, now)) terminal.err(`${oneLine(line)}\n`);
  };
  const stop = clock.every(redraw === undefined ? PLAIN_MS : DRAW_MS, draw);
  const note = (text: string): void => {
    redraw?.clear();
    terminal.err(`${oneLine(text)}\n`);
    if (redraw !== undefined && !closed) draw();
  };
  return {
    event(event) {
      state.take(event, clock.now());
      if (event.type === "retry") note(retryLine(event));
      else if (event.type === "warning") note(event.message);
      else if (event.type === "build" && event.event.type === "warning")
        note(`${event.event.image}: ${event.event.message}`);
    },
    note,
    close() {
      if (closed) return;
      closed = true;
      stop();
      redraw?.clear();
    },
  };
}

function plainLines(state: ProgressState, now: number): string[] {
  const summary = state.summary(now);
  if (summary === undefined) return [];
  if (state.stage !== "building") return [summary];
  return state.running.map(
    ({ label, sent, size }) => `building ${label}: ${formatBytes(sent)} of ${formatBytes(size)}`,
  );
}
