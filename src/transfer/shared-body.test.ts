import { describe, expect, it } from "vitest";
import type { Body } from "../streams/index.js";
import { SharedBody } from "./shared-body.js";
import { SharedPass } from "./shared-pass.js";

const CHUNK = 64 * 1024;

/** Chunk `at` is filled with `at`; notes where it is opened, and how far it is read. */
function numbered(chunks: number): { body: Body; opened: number[]; read: () => number } {
  const opened: number[] = [];
  let read = 0;
  const body: Body = {
    size: chunks * CHUNK,
    async *open({ start = 0, signal } = {}) {
      opened.push(start);
      for (let at = Math.floor(start / CHUNK); at < chunks; at++) {
        signal?.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
        read += 1;
        const bytes = new Uint8Array(CHUNK).fill(at % 251);
        const skip = Math.max(0, start - at * CHUNK);
        yield skip === 0 ? bytes : bytes.subarray(skip);
      }
    },
  };
  return { body, opened, read: () => read };
}

async function sum(stream: AsyncIterable<Uint8Array>, stopAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const firsts: number[] = [];
  let length = 0;
  for await (const chunk of stream) {
    firsts.push(chunk[0]!);
    length += chunk.byteLength;
    if (length >= stopAfter) break;
  }
  return firsts;
}

const whole = (chunks: number): number[] => Array.from({ length: chunks }, (_, at) => at % 251);

describe("SharedBody", () => {
  it("is read once for all who open it, and by itself for who opens it again or from the middle", async () => {
    const { body, opened } = numbered(40);
    const shared = new SharedBody(body, undefined);
    const readers = [shared.reader(), shared.reader(), shared.reader()];
    const all = await Promise.all(readers.map((reader) => sum(reader.body.open())));
    expect(all).toEqual([whole(40), whole(40), whole(40)]);
    expect(opened).toEqual([0]);
    expect(await sum(readers[0]!.body.open({ start: 39 * CHUNK }))).toEqual([39]);
    expect(await sum(readers[1]!.body.open())).toEqual(whole(40));
    expect(opened).toEqual([0, 39 * CHUNK, 0]);
  });

  it("waits for nobody who has left", async () => {
    const { body, opened } = numbered(20);
    const shared = new SharedBody(body, undefined);
    const [a, b, c] = [shared.reader(), shared.reader(), shared.reader()];
    const first = sum(a.body.open());
    const second = sum(b.body.open(), 3 * CHUNK);
    c.leave();
    expect(await first).toEqual(whole(20));
    expect(await second).toEqual([0, 1, 2]);
    expect(opened).toEqual([0]);
  });

  it("keeps a small blob in memory, from where it is read again at no cost", async () => {
    const { body, opened } = numbered(4);
    const shared = new SharedBody(body, undefined);
    const [a, b] = [shared.reader(), shared.reader()];
    expect(await sum(a.body.open())).toEqual([0]);
    expect((await sum(b.body.open({ start: 2 * CHUNK })))[0]).toBe(2);
    expect(opened).toEqual([0]);
  });

  it("lets go of who is interrupted while it waits for the others", async () => {
    const { body } = numbered(20);
    const shared = new SharedBody(body, undefined);
    const [a, b] = [shared.reader(), shared.reader()];
    const interrupt = new AbortController();
    const first = sum(a.body.open({ signal: interrupt.signal }));
    interrupt.abort(new Error("stop"));
    await expect(first).rejects.toThrow("stop");
    expect(await sum(b.body.open())).toEqual(whole(20));
  });
});

describe("SharedPass", () => {
  it("goes at the pace of the slowest: the fastest is never more than a little ahead", async () => {
    const { body, read } = numbered(200);
    const pass = new SharedPass(body, 2, undefined);
    const fast = sum(pass.branch(0));
    const slow = pass.branch(1);
    for (let at = 0; at < 100; at++) {
      await slow.next();
      await new Promise((resolve) => setImmediate(resolve));
      expect(read() - at).toBeLessThanOrEqual(1 + (1024 * 1024) / CHUNK + 2);
    }
    await slow.return();
    expect(await fast).toEqual(whole(200));
  });

  it("leaves behind who stands still; it reads the rest by itself, and gets every byte", async () => {
    const { body, opened } = numbered(100);
    const pass = new SharedPass(body, 2, undefined, 20);
    const still = pass.branch(1);
    const got = [(await still.next()).value![0]!];
    expect(await sum(pass.branch(0))).toEqual(whole(100));
    expect([...got, ...(await sum(still))]).toEqual(whole(100));
    expect(opened.length).toBe(2);
    expect(opened[1]).toBeGreaterThan(0);
  });

  it("gives a failure of the source to everybody", async () => {
    const broken: Body = {
      size: undefined,
      async *open() {
        yield new Uint8Array(10);
        throw new Error("broken");
      },
    };
    const pass = new SharedPass(broken, 2, undefined);
    const ends = await Promise.allSettled([sum(pass.branch(0)), sum(pass.branch(1))]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  it("closes the source when the last reader leaves", async () => {
    let closed = false;
    const endless: Body = {
      size: undefined,
      async *open() {
        try {
          for (;;) yield new Uint8Array(CHUNK);
        } finally {
          closed = true;
        }
      },
    };
    const pass = new SharedPass(endless, 2, undefined);
    await Promise.all([sum(pass.branch(0), CHUNK), sum(pass.branch(1), CHUNK)]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(true);
  });
});
