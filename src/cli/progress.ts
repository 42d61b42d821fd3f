import type { BuildEvent, GantryEvent } from "../gantry.js";
import { formatBytes, formatSeconds, plural } from "./format.js";
import { paint, printable, type Terminal } from "./terminal.js";

/** Shows events on stderr. */
export interface Progress {
  event(event: GantryEvent): void;
  /** A line of its own, above whatever is being redrawn. */
  note(text: string): void;
  close(): void;
}

/** How progress is shown. */
export type ProgressMode = "bar" | "plain" | "json" | "none";

/** Bars for people, lines for logs, events for programs. */
export async function createProgress(terminal: Terminal, mode: ProgressMode): Promise<Progress> {
  if (mode === "none") return { event() {}, note() {}, close() {} };
  if (mode === "json") return jsonProgress(terminal);
  const update = mode === "bar" ? (await import("log-update")).logUpdateStderr : undefined;
  return new LiveProgress(terminal, update);
}

/** What the environment wants, unless an option says otherwise. */
export function progressMode(terminal: Terminal, wanted: string | undefined, quiet: boolean): ProgressMode {
  if (wanted !== undefined && wanted !== "auto") return wanted as ProgressMode;
  if (quiet) return "none";
  return terminal.errIsTerminal && terminal.env["TERM"] !== "dumb" && !terminal.env["CI"] ? "bar" : "plain";
}

function jsonProgress(terminal: Terminal): Progress {
  const write = (value: object) => terminal.err(`${JSON.stringify(value)}\n`);
  let sent = 0;
  let last = 0;
  return {
    event(event) {
      if (event.type === "build") {
        if (event.event.type !== "bytes") write({ ...event.event, type: `build-${event.event.type}` });
        return;
      }
      if (event.type !== "bytes") {
        write(event);
        return;
      }
      // One event for every chunk would be more text than content.
      sent += event.count;
      if (performance.now() - last < 500) return;
      last = performance.now();
      write({ type: "progress", bytes: sent });
    },
    note: (text) => write({ type: "note", text }),
    close() {},
  };
}

/** Replaces what was drawn last. */
type Redraw = ((...text: string[]) => void) & { clear(): void };

interface Running {
  readonly label: string;
  readonly size: number;
  sent: number;
}

/** On a terminal redrawn ten times a second; elsewhere a line for each blob that took long, and one every few seconds. */
class LiveProgress implements Progress {
  readonly #terminal: Terminal;
  readonly #update: Redraw | undefined;
  readonly #running = new Map<string, Running>();
  readonly #timer: NodeJS.Timeout;
  readonly #started = performance.now();
  #total = 0;
  #blobs = 0;
  #blobsDone = 0;
  #sent = 0;
  #settled = 0;
  #planning = 0;

  constructor(terminal: Terminal, update: Redraw | undefined) {
    this.#terminal = terminal;
    this.#update = update;
    this.#timer = setInterval(() => this.#draw(), update === undefined ? PLAIN_EVERY_MS : 100);
    this.#timer.unref();
  }

  event(event: GantryEvent): void {
    switch (event.type) {
      case "build":
        this.#build(event.event);
        break;
      case "planning":
        this.#planning = event.known;
        break;
      case "start":
        this.#total += event.bytes;
        this.#blobs += event.blobs;
        break;
      case "blob-start":
        this.#running.set(keyOf(event), {
          label: event.descriptor.digest.slice(0, 19),
          size: event.descriptor.size,
          sent: 0,
        });
        break;
      case "bytes": {
        const running = this.#running.get(keyOf(event));
        if (running !== undefined) running.sent += event.count;
        this.#sent += event.count;
        break;
      }
      case "blob-done":
        this.#running.delete(keyOf(event));
        this.#blobsDone += 1;
        this.#settled += event.descriptor.size;
        break;
      case "retry":
        this.note(`${event.destination}: trying again: ${event.reason}`);
        break;
      case "manifest-done":
      case "tagged":
        break;
    }
  }

  note(text: string): void {
    this.#update?.clear();
    this.#terminal.err(`${printable(text)}\n`);
    if (this.#update !== undefined) this.#draw();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#update?.clear();
  }

  #build(event: BuildEvent): void {
    switch (event.type) {
      case "layer-started":
        this.#running.set(event.layer, { label: printable(event.layer), size: event.bytes, sent: 0 });
        break;
      case "bytes": {
        const running = this.#running.get(event.layer);
        if (running !== undefined) running.sent += event.bytes;
        break;
      }
      case "layer-done":
        this.#running.delete(event.layer);
        break;
      case "warning":
        this.note(`${event.image}: ${event.message}`);
        break;
      case "image-started":
      case "image-done":
        break;
    }
  }

  #draw(): void {
    if (this.#blobs === 0 && this.#running.size > 0) {
      const bars = [...this.#running.values()].slice(0, MAX_BARS);
      if (this.#update !== undefined)
        this.#update(
          bars.map((running) => bar(running, Math.max(40, this.#terminal.columns - 1), this.#terminal)).join("\n"),
        );
      else
        for (const { label, sent, size } of bars)
          this.#terminal.err(`Building ${label}: ${formatBytes(sent)} of ${formatBytes(size)}\n`);
      return;
    }
    if (this.#blobs === 0) {
      if (this.#planning > 0 && this.#update !== undefined) this.#update(`Planning: ${plural(this.#planning, "item")}`);
      return;
    }
    const summary = this.#summary();
    if (this.#update === undefined) {
      if (this.#blobsDone < this.#blobs) this.#terminal.err(`${summary}\n`);
      return;
    }
    const width = Math.max(40, this.#terminal.columns - 1);
    const bars = [...this.#running.values()].slice(0, MAX_BARS).map((running) => bar(running, width, this.#terminal));
    this.#update([...bars, summary.slice(0, width)].join("\n"));
  }

  #summary(): string {
    const seconds = Math.max(0.001, (performance.now() - this.#started) / 1000);
    const inFlight = [...this.#running.values()].reduce((sum, { sent }) => sum + sent, 0);
    const settled = Math.min(this.#total, this.#settled + inFlight);
    const rate = this.#sent / seconds;
    const left = rate > 0 ? ` · ${formatSeconds((this.#total - settled) / rate)} left` : "";
    return `${this.#blobsDone}/${plural(this.#blobs, "blob")} · ${formatBytes(settled)} of ${formatBytes(this.#total)} · ${formatBytes(rate)}/s${left}`;
  }
}

const MAX_BARS = 8;
const PLAIN_EVERY_MS = 3000;

const keyOf = (event: { destination: string; descriptor: { digest: string } }): string =>
  `${event.destination} ${event.descriptor.digest}`;

function bar({ label, size, sent }: Running, width: number, terminal: Terminal): string {
  const share = size === 0 ? 1 : Math.min(1, sent / size);
  const cells = Math.max(10, Math.min(30, width - 50));
  const full = Math.round(share * cells);
  const filled = `${"=".repeat(full)}${full < cells ? ">" : ""}`.slice(0, cells);
  const line = `${label} [${paint(terminal, "err", "cyan", filled)}${" ".repeat(cells - Math.min(cells, filled.length))}] ${formatBytes(sent)} / ${formatBytes(size)}`;
  return line;
}
