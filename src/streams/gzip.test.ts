import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DEFAULT_GZIP_LEVEL, gunzip, gzip, readAll } from "./index.js";

const MANY = 1 << 28;

/** Words and noise, the same on every machine. */
function sample(length: number): Uint8Array {
  const words = ["layer", "digest", "manifest", "index", "blob", "config", "\n", " ", "\0\0\0\0"];
  const bytes = Buffer.alloc(length);
  let state = 12_345;
  let at = 0;
  while (at < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    if (state >>> 24 < 40) {
      bytes.writeUInt32LE(state, Math.min(at, length - 4));
      at += 4;
    } else at += bytes.write(words[(state >>> 16) % words.length]!, at);
  }
  return bytes;
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Made on Node 20.20.2, 22.23.3, 24.21.0 and 26.10.0, x86-64, all alike. A change here changes the digest of every layer. */
const GOLDEN = [
  [0, "d2e5a5fbb9171634dadb78af93bbda9cc2d6a08c0eb6131c32b1fed41ddc0fcf"],
  [1, "5f805b304d01a98984337e1daf2d45c53f06190f6cc70ba7d92fbce9953a7e8a"],
  [4, "db558065d85cdb4e601566f557021a264472a3df8f15496c0224c202de0f174f"],
  [5, "dbee27d628dddaf3d8d388d7d0b4a7fec919361e9482dbc83bfea9c2cd7ff8b5"],
  [6, "a9cefb61875f9d510f7489efc994a65d9ef59b12c40b26531b652b1f1f00cd3c"],
  [9, "986da837217853fb4093e6ff769c6e405c56afa71a8c981d9da66eb9a8a4601a"],
] as const;

describe("gzip", () => {
  const bytes = sample(3_500_001);

  it.each(GOLDEN)("level %i has the same bytes on every Node, however the source is chunked", async (level, digest) => {
    for (const size of [bytes.byteLength, 100_003, 1_048_576])
      expect(sha256(await readAll(gzip(chunks(bytes, size), { level }), MANY))).toBe(digest);
  });

  it("is one member that others read, at the edges of a block too", async () => {
    for (const length of [0, 1, 1_048_575, 1_048_576, 1_048_577, 2_097_152]) {
      const packed = await readAll(gzip(chunks(bytes.subarray(0, length), 65_536)), MANY);
      expect(gunzipSync(packed).equals(bytes.subarray(0, length))).toBe(true);
      expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
  });

  it("has a default that is among the pinned levels", () => {
    expect(GOLDEN.map(([level]) => level)).toContain(DEFAULT_GZIP_LEVEL);
  });

  it("refuses a level that does not exist", async () => {
    await expect(readAll(gzip(chunks(bytes, 1000), { level: 10 }), MANY)).rejects.toMatchObject({ code: "USAGE" });
    await expect(readAll(gzip(chunks(bytes, 1000), { level: 1.5 }), MANY)).rejects.toMatchObject({ code: "USAGE" });
  });

  it("passes a failure of its source on and closes the source when the reader leaves", async () => {
    const failure = new Error("disk");
    async function* broken(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes;
      throw failure;
    }
    await expect(readAll(gzip(broken()), MANY)).rejects.toBe(failure);
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        for (;;) yield bytes;
      } finally {
        closed = true;
      }
    }
    for await (const chunk of gzip(endless())) if (chunk.byteLength > 10) break;
    expect(closed).toBe(true);
  });

  it("stops at its signal", async () => {
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort(new Error("enough"));
        yield bytes;
      }
    }
    await expect(readAll(gzip(endless(), { signal: controller.signal }), MANY)).rejects.toThrow("enough");
  });
});

describe("gunzip", () => {
  const text = sample(300_000);
  const two = Buffer.concat([gzipSync(text), gzipSync("second")]);
  const whole = Buffer.concat([text, Buffer.from("second")]);

  it("reads all members and the zeros behind them, in chunks of any size", async () => {
    for (const size of [1000, 4096, two.byteLength + 99])
      for (const padding of [0, 1, 512, 70_000]) {
        const source = chunks(Buffer.concat([two, Buffer.alloc(padding)]), size);
        expect(Buffer.from(await readAll(gunzip(source), MANY)).equals(whole)).toBe(true);
      }
    expect(
      Buffer.from(
        await readAll(gunzip(chunks(Buffer.concat([gzipSync("a"), gzipSync("b"), Buffer.alloc(3)]), 1)), MANY),
      ).toString(),
    ).toBe("ab");
  });

  it("refuses what is damaged, cut off or followed by something else", async () => {
    const bad = (bytes: Uint8Array, size = 1000): Promise<void> =>
      expect(readAll(gunzip(chunks(bytes, size)), MANY)).rejects.toMatchObject({ code: "LAYER_INVALID" });
    for (const size of [1000, 1 << 20]) {
      await bad(new Uint8Array(0), size);
      await bad(Buffer.from("no gzip at all"), size);
      for (const length of [1, 9, 10, 500, two.byteLength - 1]) await bad(two.subarray(0, length), size);
      await bad(Buffer.concat([two, Buffer.from("garbage")]), size);
      await bad(Buffer.concat([two, Buffer.alloc(20), Buffer.from("garbage")]), size);
      // What one reader skips as padding another would read.
      await bad(Buffer.concat([two, Buffer.alloc(20), two]), size);
      const flipped = Buffer.from(two);
      flipped[two.byteLength - 6]! ^= 1;
      await bad(flipped, size);
    }
  });

  it("reads a million empty members (CVE-2022-30631)", async () => {
    const empty = gzipSync("");
    const many = Buffer.alloc(empty.byteLength * 1_000_000, empty);
    expect(await readAll(gunzip(chunks(many, 1 << 16)), MANY)).toHaveLength(0);
  });

  it("lets go of a source that is stuck when its reader leaves or its signal fires (CVE-2021-20291)", async () => {
    const stuck = (): AsyncIterable<Uint8Array> => ({
      [Symbol.asyncIterator]() {
        const parts = [two.subarray(0, two.byteLength - 100)];
        return {
          next: () => {
            const value = parts.shift();
            return value === undefined ? new Promise(() => {}) : Promise.resolve({ done: false as const, value });
          },
        };
      },
    });
    for await (const chunk of gunzip(stuck())) if (chunk.byteLength > 0) break;
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(readAll(gunzip(stuck(), { signal: controller.signal }), MANY)).rejects.toThrow("enough");
  });

  it("passes a failure of its source on, and closes it when the reader leaves", async () => {
    const failure = new Error("reset");
    let closed = 0;
    async function* source(fail: boolean): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield two.subarray(0, 50_000);
        if (fail) throw failure;
        yield two.subarray(50_000);
      } finally {
        closed++;
      }
    }
    await expect(readAll(gunzip(source(true)), MANY)).rejects.toBe(failure);
    for await (const chunk of gunzip(source(false))) if (chunk.byteLength > 0) break;
    expect(closed).toBe(2);
  });
});
