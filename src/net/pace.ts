import { GantryError } from "../errors.js";
import type { Timeouts } from "./host.js";

/** What is waited for. */
export type Wait = "answer" | "sending" | "reading";

/**
 * Watches the waiting of one exchange. Only time in which the other side has to do something counts: a slow reader or
 * a slow source of an upload is no stall. `onStall` is called at most once, with TIMEOUT when no answer came and with
 * STALLED when bytes stopped to flow, or flow slower than the least that is asked for.
 */
export class Pace {
  readonly #timeouts: Timeouts;
  readonly #host: string;
  readonly #onStall: (error: GantryError) => void;
  readonly #timer: NodeJS.Timeout;
  #wait: Wait | undefined;
  #limit = 0;
  #since = 0;
  #waited = 0;
  #moved = 0;
  #answered = false;

  constructor(host: string, timeouts: Timeouts, onStall: (error: GantryError) => void) {
    this.#host = host;
    this.#timeouts = timeouts;
    this.#onStall = onStall;
    // One timer for an exchange instead of one for a chunk: a layer has ten thousand of them.
    const shortest = Math.min(timeouts.headers, timeouts.stall, timeouts.slow.ms, 4_000);
    this.#timer = setInterval(() => this.#check(), Math.max(10, shortest / 4));
    this.#timer.unref();
  }

  /** From now on the other side is waited for. */
  begin(wait: Wait, limit?: number): void {
    // An answer can come before all is sent; from then on only its own bytes are waited for.
    if (this.#answered && wait !== "reading") return;
    this.#wait = wait;
    this.#limit = limit ?? (wait === "answer" ? this.#timeouts.headers : this.#timeouts.stall);
    this.#since = performance.now();
  }

  /** The wait is over, and brought `bytes`. */
  end(bytes = 0): void {
    if (this.#wait === undefined) return;
    const data = this.#wait === "sending" || this.#wait === "reading";
    this.#wait = undefined;
    if (!data) return;
    this.#waited += performance.now() - this.#since;
    this.#moved += bytes;
    if (this.#waited < this.#timeouts.slow.ms) return;
    if (this.#moved < this.#timeouts.slow.bytes) {
      const rate = Math.round((this.#moved * 1000) / this.#waited);
      this.#stalled("STALLED", `${this.#host} moves only ${rate} bytes a second`);
    }
    this.#waited = 0;
    this.#moved = 0;
  }

  /** Status and headers are there. */
  answered(): void {
    this.end();
    this.#answered = true;
  }

  /** Nothing is watched any more. */
  stop(): void {
    this.#wait = undefined;
    clearInterval(this.#timer);
  }

  #check(): void {
    const wait = this.#wait;
    if (wait === undefined || performance.now() - this.#since < this.#limit) return;
    const seconds = `${Number((this.#limit / 1000).toPrecision(3))} s`;
    if (wait === "answer") this.#stalled("TIMEOUT", `${this.#host} did not answer within ${seconds}`);
    else this.#stalled("STALLED", `${this.#host} ${wait === "sending" ? "took" : "sent"} no byte for ${seconds}`);
  }

  #stalled(code: "TIMEOUT" | "STALLED", message: string): void {
    this.stop();
    this.#onStall(new GantryError(code, message, { facts: { host: this.#host } }));
  }
}
