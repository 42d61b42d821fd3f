import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import {
  type Body,
  bytesBody,
  concatBody,
  counted,
  digestOf,
  fileBody,
  limited,
  readAll,
  skipTo,
  sliceBody,
  tee,
  verified,
  wholeFileBody,
} from "./index.js";

const MANY = 1 << 28;
const room = mkdtempSync(join(tmpdir(), "gantry-taps-"));
afterAll(() => {
  rmSync(room, { recursive: true, force: true });
});

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}
/** A body whose chunks are small and whose size may be unknown. */
const chunkedBody = (bytes: Uint8Array, size: number, known: boolean): Body => ({
  size: known ? bytes.byteLength : undefined,
  open: ({ start = 0 } = {}) => chunks(bytes.subarray(start), size),
});
const all = async (source: AsyncIterable<Uint8Array>): Promise<number[]> => [...(await readAll(source, MANY))];

describe("bodies", () => {
  it("are slices and sums of bodies, from any start", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 40 }), known: fc.boolean() }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(120),
        fc.nat(120),
        async (parts, size, a, b) => {
          const whole = parts.flatMap(({ bytes }) => [...bytes]);
          const body = concatBody(...parts.map(({ bytes, known }) => chunkedBody(bytes, size, known)));
          expect(await all(body.open({ start: a }))).toEqual(whole.slice(a));
          expect(body.size).toBe(parts.every(({ known }) => known) ? whole.length : undefined);
          const [start, end] = [Math.min(a, b, whole.length), Math.min(Math.max(a, b), whole.length)];
          const slice = sliceBody(chunkedBody(Uint8Array.from(whole), size, true), start, end);
          expect(slice.size).toBe(end - start);
          expect(await all(slice.open())).toEqual(whole.slice(start, end));
          const from = Math.min(3, end - start);
          expect(await all(slice.open({ start: from }))).toEqual(whole.slice(start + from, end));
          expect(await all(skipTo(chunks(Uint8Array.from(whole), size), a))).toEqual(whole.slice(a));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("name the file that is missing", async () => {
    const path = join(room, "missing");
    await expect(wholeFileBody(path)).rejects.toMatchObject({ code: "FILE_NOT_FOUND", where: path });
    await expect(readAll(fileBody(path, 10).open(), MANY)).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      where: path,
    });
    await expect(readAll(fileBody(room, 10).open(), MANY)).rejects.toMatchObject({ code: "IO", where: room });
  });

  it("are parts of files", async () => {
    const path = join(room, "file");
    writeFileSync(path, "0123456789");
    const body = fileBody(path, 5, 2);
    expect(Buffer.from(await readAll(body.open(), MANY)).toString()).toBe("23456");
    expect(Buffer.from(await readAll(body.open({ start: 3 }), MANY)).toString()).toBe("56");
    expect(await readAll(body.open({ start: 5 }), MANY)).toHaveLength(0);
  });

  it("tell how far their reader is, and take back what is read again", async () => {
    let sum = 0;
    const body = counted(chunkedBody(new Uint8Array(10), 4, true), (count) => {
      sum += count;
    });
    for await (const _ of body.open()) if (sum >= 4) break;
    expect(sum).toBe(4);
    await all(body.open({ start: 2 }));
    expect(sum).toBe(10);
    for await (const _ of body.open()) break;
    expect(sum).toBe(0);
  });
});

describe("limits", () => {
  it("stop before the first byte too many", async () => {
    expect(await all(limited(chunks(new Uint8Array(10), 3), 10))).toHaveLength(10);
    let passed = 0;
    await expect(
      (async () => {
        for await (const chunk of limited(chunks(new Uint8Array(10), 3), 8, "the manifest")) passed += chunk.byteLength;
      })(),
    ).rejects.toMatchObject({ code: "TOO_LARGE", message: "the manifest is larger than 8 bytes" });
    expect(passed).toBe(6);
  });
});

describe("verified", () => {
  const bytes = Buffer.from("some content");
  const digest = digestOf(bytes);
  it("passes what was promised", async () => {
    expect(await all(verified(chunks(bytes, 5), { digest, size: bytes.byteLength }))).toEqual([...bytes]);
    expect(await all(verified(chunks(bytes, 5), { digest }))).toEqual([...bytes]);
    const nothing = digestOf(new Uint8Array(0));
    expect(await all(verified(chunks(new Uint8Array(0), 5), { digest: nothing, size: 0 }))).toEqual([]);
  });
  it("keeps the last chunk back until the digest is right", async () => {
    const other = Buffer.from("same conTent");
    let passed = 0;
    await expect(
      (async () => {
        for await (const chunk of verified(chunks(other, 5), { digest, size: 12 })) passed += chunk.byteLength;
      })(),
    ).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(passed).toBe(10);
  });
  it("refuses more and fewer bytes", async () => {
    for (const length of [11, 13, 40])
      await expect(
        all(verified(chunks(Buffer.concat([bytes, Buffer.alloc(50)]).subarray(0, length), 6), { digest, size: 12 })),
      ).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
    await expect(all(verified(chunks(bytes.subarray(1), 6), { digest }))).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
    });
  });
});

describe("tee", () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));

  it("gives everybody everything, and nobody runs far ahead", async () => {
    let produced = 0;
    async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
      for await (const chunk of chunks(bytes, 10)) {
        produced++;
        yield chunk;
      }
    }
    let slow = 0;
    const branches = tee(source(), 3);
    const [a, b, c] = [branches[0]!, branches[1]!, branches[2]!];
    const late = (async () => {
      for await (const _ of a) {
        slow++;
        await new Promise((resolve) => setImmediate(resolve));
        expect(produced - slow).toBeLessThanOrEqual(5);
      }
    })();
    const [first, second] = await Promise.all([all(b), all(c), late]);
    expect(first).toEqual([...bytes]);
    expect(second).toEqual([...bytes]);
    expect(slow).toBe(100);
  });

  it("goes on without a reader that leaves, and closes the source with the last one", async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
      try {
        yield* chunks(bytes, 10);
      } finally {
        closed = true;
      }
    }
    const branches = tee(source(), 3);
    const [a, b, c] = [branches[0]!, branches[1]!, branches[2]!];
    const leaving = (async () => {
      for await (const _ of a) throw new Error("left");
    })();
    const [left, whole] = await Promise.allSettled([
      leaving,
      all(b),
      (async () => {
        for await (const _ of c) break;
      })(),
    ]);
    expect(left).toMatchObject({ status: "rejected" });
    expect(whole).toMatchObject({ value: [...bytes] });
    expect(closed).toBe(true);

    closed = false;
    for (const branch of tee(source(), 2)) for await (const _ of branch) break;
    expect(closed).toBe(true);
  });

  it("brings a failure of the source to everybody", async () => {
    const failure = new Error("reset");
    async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
      yield bytes;
      throw failure;
    }
    const results = await Promise.allSettled(tee(source(), 3).map((branch) => all(branch)));
    expect(results.map((result) => result.status === "rejected" && result.reason === failure)).toEqual([
      true,
      true,
      true,
    ]);
  });

  it("reads an unread body only as far as the branches may run ahead", async () => {
    const branches = tee(bytesBody(bytes).open(), 2);
    const [a, b] = [branches[0]!, branches[1]!];
    expect(await all(a)).toEqual([...bytes]);
    expect(await all(b)).toEqual([...bytes]);
  });
});
