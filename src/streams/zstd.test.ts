import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { readAll, unzstd, zstd } from "./index.js";
import { unzstdInJavaScript } from "./unzstd-javascript.js";
import { zstdFrames } from "./zstd-frames.js";

const MANY = 1 << 28;

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

const text = Buffer.alloc(700_000, "a quick brown layer ");
const SKIPPABLE = Uint8Array.of(0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
const hasTool = spawnSync("zstd", ["--version"]).status === 0;
if (!hasTool) console.log("skipped: comparisons with the zstd command, which is not installed");
const tool = (input: Uint8Array, ...options: readonly string[]): Buffer =>
  hasTool ? execFileSync("zstd", ["-cq", ...options], { input, maxBuffer: MANY }) : Buffer.alloc(0);

describe.skipIf(!hasTool)("unzstd", () => {
  const parts = [
    SKIPPABLE,
    tool(text),
    SKIPPABLE,
    tool(Buffer.from("second"), "--no-check"),
    tool(Buffer.alloc(0)),
    SKIPPABLE,
  ];
  const frames = Buffer.concat(parts);
  const whole = Buffer.concat([text, Buffer.from("second")]);

  it("reads all frames and leaves skippable ones out, in chunks of any size", async () => {
    for (const size of [1, 7, 1000, 1 << 20])
      expect(Buffer.from(await readAll(unzstd(chunks(frames, size)), MANY)).equals(whole)).toBe(true);
  });

  it.each(["-1", "-19", "--fast=5", "--long=27"])("reads what the tool writes with %s", async (option) => {
    expect(Buffer.from(await readAll(unzstd(chunks(tool(text, option), 4096)), MANY)).equals(text)).toBe(true);
  });

  it("refuses what is damaged, cut off or followed by something else", async () => {
    const bad = (bytes: Uint8Array, size = 1 << 20): Promise<void> =>
      expect(readAll(unzstd(chunks(bytes, size)), MANY)).rejects.toMatchObject({ code: "LAYER_INVALID" });
    await bad(new Uint8Array(0));
    await bad(Buffer.from("no zstd at all"));
    const ends = new Set<number>();
    for (let i = 1, end = 0; i <= parts.length; i++) ends.add((end += parts[i - 1]!.byteLength));
    for (let length = 1; length < frames.byteLength; length++) {
      // A stream may end between frames.
      if (!ends.has(length)) await bad(frames.subarray(0, length), 50);
    }
    await bad(frames.subarray(0, 30));
    await bad(frames.subarray(0, -1));
    await bad(Buffer.concat([frames, Buffer.from("garbage")]));
    await bad(Buffer.concat([frames, Buffer.alloc(16)]));
    const flipped = tool(text);
    flipped[flipped.byteLength - 1]! ^= 1;
    await bad(flipped);
  });

  it("has a decoder in JavaScript for machines without a native one", async () => {
    const decode = (bytes: Uint8Array, size: number): Promise<Uint8Array> =>
      readAll(unzstdInJavaScript(zstdFrames(chunks(bytes, size))), MANY);
    for (const size of [1, 1000, 1 << 20]) expect(Buffer.from(await decode(frames, size)).equals(whole)).toBe(true);
    await expect(decode(frames.subarray(0, 30), 100)).rejects.toMatchObject({ code: "LAYER_INVALID" });
    const noise = Buffer.from(tool(text));
    noise.fill(0xff, 12, 40);
    await expect(decode(noise, 1000)).rejects.toMatchObject({ code: "LAYER_INVALID" });
  });

  it("refuses a window that would take gigabytes", async () => {
    // Window descriptor 0xa8: 2 GiB (RFC 8878, 3.1.1.1.2).
    const huge = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 1, 0, 0);
    await expect(readAll(unzstd(chunks(huge, 100)), MANY)).rejects.toMatchObject({ code: "LAYER_INVALID" });
  });
});

describe("zstd", () => {
  it("writes what the tool reads, the same bytes however it is chunked", async () => {
    const bytes = Buffer.alloc(9_000_000, text);
    const packed = await readAll(zstd(chunks(bytes, 100_000)), MANY);
    if (hasTool) expect(tool(packed, "-d").equals(bytes)).toBe(true);
    expect(Buffer.from(await readAll(unzstd(chunks(packed, 999)), MANY)).equals(bytes)).toBe(true);
    const again = await readAll(zstd(chunks(bytes, 1 << 22)), MANY);
    expect(Buffer.compare(packed, again)).toBe(0);
  });

  it("is one empty frame for nothing", async () => {
    const packed = await readAll(zstd(chunks(new Uint8Array(0), 1)), MANY);
    expect(packed.byteLength).toBeGreaterThan(4);
    expect(await readAll(unzstd(chunks(packed, 1)), MANY)).toHaveLength(0);
  });

  it("refuses a level that does not exist", async () => {
    await expect(readAll(zstd(chunks(text, 1000), { level: 23 }), MANY)).rejects.toMatchObject({ code: "USAGE" });
  });
});
