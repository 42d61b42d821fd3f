import type { BuildEvent, GantryEvent } from "../gantry.js";
import { formatBytes, formatSeconds, plural } from "./format.js";
import { Rate } from "./rate.js";

/** Something that is being read or sent. */
export interface Running {
  readonly label: string;
  readonly size: number;
  readonly sent: number;
}

/** What the events so far come to. */
export class ProgressState {
  readonly #running = new Map<string, { label: string; size: number; sent: number }>();
  readonly #destinations = new Set<string>();
  readonly #rate = new Rate();
  #planned = 0;
  #blobs = 0;
  #blobsDone = 0;
  #bytes = 0;
  #settled = 0;

  /** In the order in which they began. */
  get running(): readonly Running[] {
    return [...this.#running.values()];
  }

  take(event: GantryEvent, now: number): void {
    switch (event.type) {
      case "build":
        this.#build(event.event);
        break;
      case "planning":
        this.#planned = event.known;
        break;
      case "start":
        this.#blobs += event.blobs;
        this.#bytes += event.bytes;
        this.#rate.start(now);
        break;
      case "blob-start": {
        this.#destinations.add(event.destination);
        const digest = event.descriptor.digest.slice(0, 19);
        const label = this.#destinations.size > 1 ? `${digest} ${event.destination}` : digest;
        this.#running.set(keyOf(event), { label, size: event.descriptor.size, sent: 0 });
        break;
      }
      case "bytes": {
        const running = this.#running.get(keyOf(event));
        if (running !== undefined) running.sent += event.count;
        this.#rate.add(event.count, now);
        break;
      }
      case "blob-done":
        this.#running.delete(keyOf(event));
        this.#blobsDone += 1;
        this.#settled += event.descriptor.size;
        break;
      case "retry":
      case "warning":
      case "manifest-done":
      case "tagged":
        break;
    }
  }

  get stage(): "idle" | "planning" | "building" | "moving" | "finishing" {
    if (this.#blobs > 0) return this.#blobsDone < this.#blobs ? "moving" : "finishing";
    if (this.#running.size > 0) return "building";
    return this.#planned > 0 ? "planning" : "idle";
  }

  /** One line on how far it is; undefined when there is nothing to say. */
  summary(now: number): string | undefined {
    const { stage } = this;
    if (stage === "idle") return undefined;
    if (stage === "building") return `building ${plural(this.#running.size, "layer")}`;
    if (stage === "planning") return `planning: ${plural(this.#planned, "item")}`;
    if (stage === "finishing") return `${plural(this.#blobs, "blob")} in place, finishing`;
    const settled = this.#settledBytes();
    const silent = this.#rate.silentFor(now);
    const left = this.#rate.secondsFor(this.#bytes - settled, now);
    const pace =
      silent >= SILENT_SECONDS
        ? `nothing moved for ${formatSeconds(silent)}`
        : `${formatBytes(Math.round(this.#rate.perSecond(now)))}/s${left === undefined ? "" : `, ${formatSeconds(Math.max(1, Math.round(left)))} left`}`;
    return `${this.#blobsDone}/${plural(this.#blobs, "blob")}, ${formatBytes(settled)} of ${formatBytes(this.#bytes)}, ${pace}`;
  }

  /** For events: how far it is in numbers. */
  numbers(now: number): Record<string, number> {
    const settled = this.#settledBytes();
    const left = this.#rate.secondsFor(this.#bytes - settled, now);
    return {
      blobs: this.#blobs,
      blobsDone: this.#blobsDone,
      bytes: this.#bytes,
      bytesDone: settled,
      bytesSent: this.#rate.total,
      bytesPerSecond: Math.round(this.#rate.perSecond(now)),
      ...(left === undefined ? {} : { secondsLeft: Math.round(left * 10) / 10 }),
    };
  }

  /** What is in place, and what is on its way. */
  #settledBytes(): number {
    const inFlight = this.running.reduce((sum, { sent }) => sum + sent, 0);
    return Math.max(0, Math.min(this.#bytes, this.#settled + inFlight));
  }

  #build(event: BuildEvent): void {
    if (event.type === "layer-started")
      this.#running.set(layerKey(event), { label: `${event.image} ${event.layer}`, size: event.bytes, sent: 0 });
    else if (event.type === "bytes") {
      const running = this.#running.get(layerKey(event));
      if (running !== undefined) running.sent += event.bytes;
    } else if (event.type === "layer-done") this.#running.delete(layerKey(event));
  }
}

/** A pause that people should hear of. */
const SILENT_SECONDS = 3;

const keyOf = (event: { destination: string; descriptor: { digest: string } }): string =>
  `${event.destination} ${event.descriptor.digest}`;
const layerKey = (event: { image: string; layer: string }): string => `build ${event.image} ${event.layer}`;
