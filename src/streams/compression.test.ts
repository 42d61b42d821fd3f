import { execFileSync, spawnSync } from "node:child_process";
import { gunzipSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GantryError } from "../errors.js";
import { compress, decompress, detectCompression, readAll } from "./index.js";

const MANY = 1 << 28;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function* chunks(bytes: Uint8Array, ...sizes: number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes.length === 0 ? bytes.byteLength : Math.max(1, sizes[i % sizes.length]!);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Whether a tool to compare with is there; gantry itself needs none. */
const has = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;

describe("compress and decompress", () => {
  it.each(["gzip", "zstd", "none"] as const)(
    "%s gives back what it got, however it is chunked",
    async (compression) => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 5000 }),
          fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
          fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 }),
          async (bytes, sizesIn, sizesOut) => {
            const packed = await readAll(compress(chunks(bytes, ...sizesIn), compression), MANY);
            const unpacked = await readAll(decompress(chunks(packed, ...sizesOut), compression), MANY);
            expect(Buffer.from(unpacked).equals(bytes)).toBe(true);
            const detected = await readAll(
              decompress(chunks(packed, ...sizesOut), compression === "none" ? "none" : "detect"),
              MANY,
            );
            expect(Buffer.from(detected).equals(bytes)).toBe(true);
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  it("detects by bytes, not by name", () => {
    expect(detectCompression(gzipSync("x"))).toBe("gzip");
    expect(detectCompression(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0))).toBe("zstd");
    expect(detectCompression(Uint8Array.of(0x5d, 0x2a, 0x4d, 0x18, 0))).toBe("zstd");
    expect(detectCompression(text("BZh91AY"))).toBe("bzip2");
    expect(detectCompression(Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0))).toBe("xz");
    expect(detectCompression(new Uint8Array(0))).toBe("none");
    const tar = new Uint8Array(512);
    tar.set(text("BZh.txt"));
    tar.set(text("ustar"), 257);
    expect(detectCompression(tar)).toBe("none");
  });

  it("refuses bzip2 and xz by name", async () => {
    const error = await readAll(decompress(chunks(text("BZh91AY&SY")), "detect"), MANY).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "UNSUPPORTED" });
    expect((error as GantryError).message).toContain("bzip2");
    expect(() => decompress(chunks(text("")), "xz")).toThrow(/xz/);
  });

  it("passes what is shorter than a tar header through", async () => {
    expect(await readAll(decompress(chunks(text("short"), 2), "detect"), MANY)).toEqual(text("short"));
    expect(await readAll(decompress(chunks(text("")), "detect"), MANY)).toHaveLength(0);
  });

  it("writes what gzip and zstd read", async () => {
    const bytes = Buffer.alloc(9_000_000, "the quick brown fox ");
    const gz = await readAll(compress(chunks(bytes, 65536), "gzip"), MANY);
    expect(gunzipSync(gz).equals(bytes)).toBe(true);
    if (has("gzip")) execFileSync("gzip", ["-t"], { input: gz });
    const zst = await readAll(compress(chunks(bytes, 65536), "zstd"), MANY);
    if (has("zstd")) expect(execFileSync("zstd", ["-dcq"], { input: zst, maxBuffer: MANY }).equals(bytes)).toBe(true);
    expect(Buffer.from(await readAll(decompress(chunks(zst, 4096), "zstd"), MANY)).equals(bytes)).toBe(true);
  });
});
