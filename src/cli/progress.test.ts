import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GantryEvent } from "../gantry.js";
import { type Descriptor, parseDigest } from "../spec/index.js";
import { FakeTerminal } from "./fake-terminal.js";
import { renderBars } from "./progress-bars.js";
import { type Clock, createProgress, progressMode, retryLine } from "./progress.js";
import { Rate } from "./rate.js";

class FakeClock implements Clock {
  time = 0;
  #timers: { every: number; next: number; act: () => void }[] = [];

  now(): number {
    return this.time;
  }

  every(milliseconds: number, act: () => void): () => void {
    const timer = { every: milliseconds, next: this.time + milliseconds, act };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  pass(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const due = this.#timers.filter(({ next }) => next <= end).toSorted((a, b) => a.next - b.next)[0];
      if (due === undefined) break;
      this.time = due.next;
      due.next += due.every;
      due.act();
    }
    this.time = end;
  }
}

const descriptor = (letter: string, size: number): Descriptor => ({
  mediaType: "application/octet-stream",
  digest: parseDigest(`sha256:${letter.repeat(64)}`),
  size,
});
const to = "localhost:5000/a";
const bytes = (letter: string, count: number): GantryEvent => ({
  type: "bytes",
  destination: to,
  descriptor: descriptor(letter, 0),
  count,
});
const begin = (letter: string, size: number, destination = to): GantryEvent => ({
  type: "blob-start",
  destination,
  descriptor: descriptor(letter, size),
});

describe("Rate", () => {
  it("is of the last seconds, not since the start", () => {
    const rate = new Rate();
    rate.start(0);
    for (let second = 1; second <= 60; second++) rate.add(100, second * 1000);
    expect(rate.perSecond(60_000)).toBe(100);
    for (let second = 61; second <= 80; second++) rate.add(1000, second * 1000);
    expect(rate.perSecond(80_000)).toBe(1000);
    expect(rate.secondsFor(5000, 80_000)).toBe(5);
    expect(rate.total).toBe(26_000);
  });

  it("falls to nothing while nothing moves, and says for how long", () => {
    const rate = new Rate();
    rate.start(0);
    rate.add(1_000_000, 1000);
    expect(rate.perSecond(5000)).toBeLessThan(rate.perSecond(2000));
    expect(rate.perSecond(20_000)).toBe(0);
    expect(rate.secondsFor(1, 20_000)).toBeUndefined();
    expect(rate.silentFor(20_000)).toBe(19);
  });

  it("is never negative or infinite, whatever is sent again", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -1000, max: 1000 }), fc.nat(5000))), (moves) => {
        const rate = new Rate();
        let now = 0;
        rate.start(now);
        for (const [count, pause] of moves) {
          now += pause;
          rate.add(count, now);
          expect(rate.perSecond(now)).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(rate.perSecond(now))).toBe(true);
        }
      }),
    );
  });
});

describe("plain progress", () => {
  it("says at least every few seconds how far it is, how fast, and how long yet", async () => {
    const terminal = new FakeTerminal();
    const clock = new FakeClock();
    const progress = await createProgress(terminal, "plain", clock);
    progress.event({ type: "start", blobs: 2, bytes: 10_000_000 });
    progress.event(begin("a", 8_000_000));
    for (let second = 0; second < 4; second++) {
      clock.pass(1000);
      progress.event(bytes("a", 500_000));
    }
    clock.pass(2000);
    expect(terminal.stderr.split("\n")).toEqual([
      "0/2 blobs, 1.0 MB of 10 MB, 333 kB/s, 27s left",
      "0/2 blobs, 2.0 MB of 10 MB, 333 kB/s, 24s left",
      "",
    ]);
    clock.pass(6000);
    expect(terminal.stderr).toContain("nothing moved for 8.0s");
    progress.close();
    clock.pass(60_000);
    expect(terminal.stderr.split("\n")).toHaveLength(5);
  });

  it("says nothing of what is short, and at once what is tried again", async () => {
    const terminal = new FakeTerminal();
    const clock = new FakeClock();
    const progress = await createProgress(terminal, "plain", clock);
    progress.event({ type: "start", blobs: 1, bytes: 10 });
    clock.pass(500);
    expect(terminal.stderr).toBe("");
    progress.event({ type: "retry", destination: "ghcr.io", reason: "it answered 503", delay: 1500 });
    expect(terminal.stderr).toBe("ghcr.io: it answered 503; trying again in 1.5s.\n");
  });

  it("prints nothing from outside that moves the cursor or starts a line (threat 91)", async () => {
    const terminal = new FakeTerminal();
    const progress = await createProgress(terminal, "plain", new FakeClock());
    const evil = "\u001b[2J\u001b]0;title\u0007ok\r\n::add-mask::x\u009b31m\u202e";
    progress.event({ type: "retry", destination: "h", reason: evil });
    progress.event({ type: "build", event: { type: "warning", image: evil, message: evil } });
    progress.note(evil);
    expect(terminal.stderr.split("\n")).toHaveLength(4);
    expect(terminal.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(terminal.stderr).not.toMatch(/^::/m);
  });
});

describe("progress events", () => {
  it("are a JSON object a line, and bytes are summed", async () => {
    const terminal = new FakeTerminal();
    const clock = new FakeClock();
    const progress = await createProgress(terminal, "json", clock);
    progress.event({ type: "start", blobs: 1, bytes: 1000 });
    progress.event(begin("a", 1000));
    for (let at = 0; at < 100; at++) {
      clock.pass(10);
      progress.event(bytes("a", 5));
    }
    progress.event({ type: "retry", destination: "h", reason: "x\ny" });
    const events = terminal.stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ type }) => type)).toEqual(["start", "blob-start", "progress", "progress", "retry"]);
    expect(events[3]).toMatchObject({ blobs: 1, blobsDone: 0, bytes: 1000, bytesDone: 500, bytesSent: 500 });
  });
});

describe("bars", () => {
  const width = (line: string): number => Array.from(stripVTControlCharacters(line)).length;

  it("fit every window, whatever the labels and numbers", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 12, max: 250 }),
        fc.array(
          fc.record({
            label: fc.string({ unit: "binary", maxLength: 80 }),
            size: fc.nat(),
            sent: fc.integer({ min: -5 }),
          }),
          { maxLength: 12 },
        ),
        (columns, running) => {
          const terminal = new FakeTerminal({ errIsTerminal: true, columns });
          const lines = renderBars(running, "3/5 blobs, 12 MB of 80 MB, 4.0 MB/s, 16s left", terminal).split("\n");
          for (const line of lines) expect(width(line)).toBeLessThan(columns);
          expect(lines.length).toBeLessThanOrEqual(10);
        },
      ),
    );
  });

  it.each([60, 80, 200])("keep label, share and amount at %d columns, aligned", (columns) => {
    const terminal = new FakeTerminal({ env: { NO_COLOR: "1" }, errIsTerminal: true, columns });
    const running = [
      { label: "sha256:0123456789ab", size: 12_000_000, sent: 6_000_000 },
      { label: "sha256:0123456789ab localhost:5000/demo/hello", size: 999, sent: 0 },
    ];
    const [first, second] = renderBars(running, undefined, terminal).split("\n");
    expect(first).toMatch(/^sha256:0123456789a.*\[=+> *\] {2}50% 6\.0 MB \/ {2}12 MB$/);
    expect(first!.indexOf("[")).toBe(second!.indexOf("["));
    expect(first).toHaveLength(second!.length);
  });

  it("are shown to a person at a terminal only", () => {
    const mode = (terminal: FakeTerminal, wanted?: string, quiet = false, debug = false) =>
      progressMode(terminal, wanted, { quiet, debug });
    const person = new FakeTerminal({ errIsTerminal: true, env: { TERM: "xterm" } });
    expect(mode(person)).toBe("bar");
    expect(mode(person, undefined, true)).toBe("none");
    expect(mode(person, undefined, false, true)).toBe("plain");
    expect(mode(person, "json", true)).toBe("json");
    expect(mode(new FakeTerminal({ errIsTerminal: true, env: { TERM: "dumb" } }))).toBe("plain");
    expect(mode(new FakeTerminal({ errIsTerminal: true, env: { CI: "true" } }))).toBe("plain");
    expect(mode(new FakeTerminal())).toBe("plain");
  });
});

describe("retryLine", () => {
  it("leaves a pause out that nobody notices", () => {
    expect(retryLine({ type: "retry", destination: "h", reason: "r", delay: 20 })).toBe("h: r; trying again.");
  });
});
