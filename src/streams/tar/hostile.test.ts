import * as fc from "fast-check";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { GantryError } from "../../errors.js";
import { bytesBody, readAll } from "../body.js";
import { decompress } from "../compression.js";
import { type TarInput, readTar, writeTar } from "./index.js";
import { FIELD, writeChecksum, writeNumber } from "./header.js";
import { formatPax } from "./pax.js";

const MANY = 1 << 28;
const utf8 = (text: string): Uint8Array => Buffer.from(text);

/** One header block, right but for what the test makes wrong. */
function header(type: string, size: number, change?: (block: Uint8Array) => void): Buffer {
  const block = Buffer.alloc(512);
  block.write("name");
  writeNumber(block, FIELD.mode, 0o644);
  writeNumber(block, FIELD.size, size);
  block.write(type, FIELD.type[0]);
  block.write("ustar\u000000", FIELD.magic[0]);
  change?.(block);
  writeChecksum(block);
  return block;
}

const padded = (bytes: Uint8Array): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((512 - (bytes.byteLength % 512)) % 512)]);
const paxHeader = (...records: readonly (readonly [string, string])[]): Buffer => {
  const bytes = Buffer.concat(records.map(([key, value]) => formatPax(new Map([[key, utf8(value)]]))));
  return Buffer.concat([header("x", bytes.byteLength), padded(bytes)]);
};

async function read(
  bytes: Uint8Array,
): Promise<readonly { readonly name: string; readonly size: number; readonly content: number }[]> {
  const entries: { name: string; size: number; content: number }[] = [];
  for await (const entry of readTar(bytesBody(bytes).open())) {
    let content = 0;
    for await (const chunk of entry.body) {
      content += chunk.byteLength;
      // A bomb is only one if somebody waits for its end.
      if (content > 1 << 24) break;
    }
    entries.push({ name: entry.name, size: entry.size, content });
  }
  return entries;
}

const refused = (bytes: Uint8Array, code = "LAYER_INVALID"): Promise<void> =>
  expect(read(bytes)).rejects.toMatchObject({ code });

describe("hostile archives", () => {
  it("refuses headers without bounds before reading them (CVE-2022-2879, CVE-2025-58183)", async () => {
    await refused(header("x", 2 ** 30));
    await refused(header("g", 2 ** 30));
    await refused(header("L", 2 ** 20));
    await refused(header("K", 2 ** 20));
    const regions = Array.from({ length: 100_001 }, (_, i) => `${i * 2},1`).join(",");
    await refused(
      Buffer.concat([paxHeader(["GNU.sparse.map", regions], ["GNU.sparse.size", "1000000"]), header("0", 100_001)]),
    );
    await refused(
      Buffer.concat([
        paxHeader(["GNU.sparse.major", "1"], ["GNU.sparse.minor", "0"], ["GNU.sparse.realsize", "9"]),
        header("0", 8 ** 10),
        Buffer.from("1000000\n".padEnd(512, "0\n")),
        Buffer.alloc(4_000_000, "1\n"),
      ]),
    );
    const more = header("S", 0, (block) => {
      block[FIELD.gnuSparseMore[0]] = 1;
    });
    const extension = Buffer.alloc(512);
    for (let at = 0; at < 504; at += 24) extension.write("000000000000000000000000", at);
    extension[504] = 1;
    await refused(Buffer.concat([more, Buffer.concat(Array<Buffer>(5000).fill(extension))]));
  });

  it("refuses global headers that add up without bounds", async () => {
    const bytes = (i: number): Buffer => Buffer.from(formatPax(new Map([[`key${i}`, Buffer.alloc(500_000, "x")]])));
    const globals = [0, 1, 2].map((i) => Buffer.concat([header("g", bytes(i).byteLength), padded(bytes(i))]));
    await refused(Buffer.concat([...globals, header("0", 0)]));
  });

  it("refuses maps that do not fit their file", async () => {
    for (const [map, size] of [
      ["0,5,3,5", "100"],
      ["0,10,95,10", "100"],
      ["0,3", "100"],
      ["0,20", "100"],
      ["0", "100"],
      ["-1,10", "100"],
      ["0,10", "5"],
      ["x", "100"],
    ] as const)
      await refused(
        Buffer.concat([
          paxHeader(["GNU.sparse.map", map], ["GNU.sparse.size", size]),
          header("0", 10),
          Buffer.alloc(512),
        ]),
      );
  });

  it("gives the holes of a huge sparse file as a stream, not as memory", async () => {
    const entries = await read(
      Buffer.concat([
        paxHeader(["GNU.sparse.map", "1000000000000,10"], ["GNU.sparse.size", "1000000000010"]),
        header("0", 10),
        Buffer.alloc(512),
      ]),
    );
    expect(entries).toMatchObject([{ name: "name", size: 1_000_000_000_010 }]);
  });

  it("refuses numbers, checksums and records that are none", async () => {
    const wrong = header("0", 0);
    wrong[0]! ^= 1;
    await refused(wrong);
    await refused(header("0", 0, (block) => block.set(utf8("12x4"), FIELD.size[0])));
    await refused(header("0", 0, (block) => block.fill(0xff, FIELD.size[0], FIELD.size[0] + 12)));
    await refused(header("0", 0, (block) => block.fill(0xff, FIELD.uid[0], FIELD.uid[0] + 8)));
    await refused(
      header("0", 0, (block) => block.set([0x80, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], FIELD.size[0])),
    );
    for (const [key, value] of [
      ["size", "-1"],
      ["size", "1e3"],
      ["size", "99999999999999999999"],
      ["uid", "-5"],
      ["mtime", "soon"],
      ["path", "a\0b"],
      ["LIBARCHIVE.xattr.%", "AAAA"],
    ] as const)
      await refused(Buffer.concat([paxHeader([key, value]), header("0", 0)]));
    for (const record of [
      "5 a=b\n",
      "99 a=b\n",
      "6 a=bc",
      "a=b\n",
      "6 abc\n",
      "5 =b\n",
      "0 a=b\n",
      "1000000000000 a=b\n",
    ])
      await refused(Buffer.concat([header("x", record.length), padded(utf8(record)), header("0", 0)]));
  });

  it("refuses an empty header between entries, and kinds of entry that it cannot give whole", async () => {
    await refused(Buffer.concat([header("0", 0), Buffer.alloc(512), header("0", 0)]));
    await refused(Buffer.concat([paxHeader(["path", "x"]), Buffer.alloc(1024)]));
    await refused(header("M", 0), "UNSUPPORTED");
    await refused(header("Z", 0), "UNSUPPORTED");
  });

  it("ends at two blocks of zeros but reads on to the end of its source", async () => {
    let seen = 0;
    async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
      for (const part of [header("0", 0), Buffer.alloc(1024), header("0", 0), Buffer.alloc(5000)]) {
        seen += part.byteLength;
        yield part;
      }
    }
    let count = 0;
    for await (const entry of readTar(source())) count += entry.name === "name" ? 1 : 100;
    expect(count).toBe(1);
    expect(seen).toBe(512 + 1024 + 512 + 5000);
  });

  it("escapes names in its messages", async () => {
    const error = await read(header("0", 600, (block) => block.set(utf8("\u001b[2Jname")))).catch((e: unknown) => e);
    expect((error as Error).message).not.toContain("\u001b");
  });

  it("does not give the content of an entry after the next one", async () => {
    const archive = await readAll(
      writeTar([
        { name: "a", type: "file", body: bytesBody(utf8("a")) },
        { name: "b", type: "file" },
      ]),
      MANY,
    );
    const bodies: AsyncIterable<Uint8Array>[] = [];
    for await (const entry of readTar(bytesBody(archive).open())) {
      if (bodies.length > 0) await expect(readAll(bodies[0]!, 10)).rejects.toThrow(/next entry/);
      bodies.push(entry.body);
    }
  });

  it("has nothing but GantryErrors for archives with bytes changed, removed or cut off", async () => {
    const inputs: TarInput[] = [
      { name: `${"long/".repeat(40)}name`, type: "file", uid: 4_000_000_000, body: bytesBody(Buffer.alloc(900, "x")) },
      {
        name: "link",
        type: "symlink",
        linkName: "x".repeat(200),
        xattrs: new Map([["user.a", Uint8Array.of(0, 1, 255)]]),
      },
      { name: "dir", type: "directory", mtime: { seconds: -5, nanoseconds: 5 } },
    ];
    const sparse = Buffer.concat([
      paxHeader(
        ["GNU.sparse.major", "1"],
        ["GNU.sparse.minor", "0"],
        ["GNU.sparse.realsize", "5000"],
        ["GNU.sparse.name", "s"],
      ),
      header("0", 1024),
      padded(utf8("2\n0\n500\n4988\n12\n")),
      Buffer.alloc(512, "d"),
    ]);
    const old = header("S", 10, (block) => {
      block.set(utf8("00000000000\u000000000000012\0"), FIELD.gnuSparse[0]);
      writeNumber(block, FIELD.gnuRealSize, 1000);
    });
    const archive = Buffer.concat([
      header("L", 5),
      padded(utf8("long\0")),
      old,
      padded(Buffer.alloc(10)),
      sparse,
      await readAll(writeTar(inputs), MANY),
    ]);
    expect(await read(archive)).toHaveLength(5);
    const gz = gzipSync(archive);
    /** Most changes of a header only break its checksum, so half of them get a right one. */
    const repaired = (bytes: Buffer): Buffer => {
      for (let at = 0; at + 512 <= bytes.byteLength; at += 512)
        if (bytes.subarray(at + 257, at + 262).toString("latin1") === "ustar")
          writeChecksum(bytes.subarray(at, at + 512));
      return bytes;
    };
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }), header: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.option(fc.nat(), { nil: undefined }),
        fc.boolean(),
        fc.constantFrom("none" as const, "gzip" as const),
        async (changes, cut, repair, compression) => {
          let bytes: Buffer = Buffer.from(compression === "gzip" ? gz : archive);
          for (const { at, to, header } of changes)
            bytes[
              header && compression === "none"
                ? (Math.floor(at / 512) * 512 + (at % 160)) % bytes.byteLength
                : at % bytes.byteLength
            ] = to;
          if (repair && compression === "none") bytes = repaired(bytes);
          if (cut !== undefined) bytes = bytes.subarray(0, cut % bytes.byteLength);
          try {
            for await (const entry of readTar(decompress(bytesBody(bytes).open(), compression))) {
              let size = 0;
              for await (const chunk of entry.body) if ((size += chunk.byteLength) > 1 << 22) break;
            }
          } catch (error) {
            if (!(error instanceof GantryError) || error.code === "INTERNAL") throw error;
          }
        },
      ),
      { numRuns: 1500 },
    );
  });

  it("opens a body behind what nobody reads", async () => {
    const archive = await readAll(
      writeTar([
        { name: "big", type: "file", body: bytesBody(Buffer.alloc(9_000_000, 1)) },
        { name: "small", type: "file", body: bytesBody(utf8("small")) },
      ]),
      MANY,
    );
    let given = 0;
    const body = {
      size: archive.byteLength,
      async *open({ start = 0 } = {}): AsyncGenerator<Uint8Array, void, undefined> {
        for (let at = start; at < archive.byteLength; at += 65_536) {
          given += Math.min(65_536, archive.byteLength - at);
          yield archive.subarray(at, at + 65_536);
        }
      },
    };
    const places: [string, number, string][] = [];
    for await (const entry of readTar(body)) {
      const at = archive.subarray(entry.dataOffset, entry.dataOffset + Math.min(5, entry.size));
      places.push([entry.name, entry.size, Buffer.from(at).toString("latin1")]);
    }
    expect(places).toEqual([
      ["big", 9_000_000, "\u0001\u0001\u0001\u0001\u0001"],
      ["small", 5, "small"],
    ]);
    expect(given).toBeLessThan(300_000);
  });
});
