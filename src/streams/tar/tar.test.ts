import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesBody, readAll } from "../body.js";
import { readTar, type TarEntryType, type TarInput, writeTar } from "./index.js";

const MANY = 1 << 28;
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function* chunked(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  for (let i = 0; at < bytes.byteLength; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const whole = (bytes: Uint8Array): AsyncIterable<Uint8Array> => chunked(bytes, [bytes.byteLength]);
const pack = (...entries: readonly TarInput[]): Promise<Uint8Array> => readAll(writeTar(entries), MANY);

/** Sorted by name, as PAX records are. */
function attributes(xattrs: ReadonlyMap<string, Uint8Array> = new Map()): readonly (readonly [string, string])[] {
  return [...xattrs]
    .map(([key, value]) => [key, Buffer.from(value).toString("hex")] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Entries as plain values, with their content. */
async function unpack(source: AsyncIterable<Uint8Array>): Promise<readonly Record<string, unknown>[]> {
  const entries: Record<string, unknown>[] = [];
  for await (const entry of readTar(source)) {
    entries.push({
      name: Buffer.from(entry.rawName).toString("latin1"),
      type: entry.type,
      mode: entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      uname: entry.uname,
      gname: entry.gname,
      size: entry.size,
      mtime: entry.mtime,
      linkName: Buffer.from(entry.rawLinkName).toString("latin1"),
      devMajor: entry.devMajor,
      devMinor: entry.devMinor,
      xattrs: attributes(entry.xattrs),
      content: Buffer.from(await readAll(entry.body, MANY)).toString("hex"),
    });
  }
  return entries;
}

/** What reading gives for what was written. */
function expected(input: TarInput): Record<string, unknown> {
  const isLink = input.type === "symlink" || input.type === "hardlink";
  const name = Buffer.from(input.rawName ?? utf8(input.name)).toString("latin1");
  const body = input.body as ReturnType<typeof bytesBody> | undefined;
  return {
    name: input.type === "directory" && !name.endsWith("/") ? `${name}/` : name,
    type: input.type,
    mode: input.mode,
    uid: input.uid,
    gid: input.gid,
    uname: input.uname,
    gname: input.gname,
    size: body?.size ?? 0,
    mtime: input.mtime,
    linkName: isLink ? Buffer.from(input.rawLinkName ?? utf8(input.linkName ?? "")).toString("latin1") : "",
    devMajor: input.devMajor ?? 0,
    devMinor: input.devMinor ?? 0,
    xattrs: attributes(input.xattrs),
  };
}

const rawName = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 280 }).map(utf8),
    fc.array(fc.stringMatching(/^[a-z]{1,40}$/), { minLength: 1, maxLength: 9 }).map((parts) => utf8(parts.join("/"))),
  )
  .map((bytes) => bytes.map((byte) => (byte === 0 ? 0x78 : byte)));
const ownerName = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replaceAll("\0", ""));
const type = fc.constantFrom<TarEntryType>(
  "file",
  "directory",
  "symlink",
  "hardlink",
  "character",
  "block",
  "fifo",
  "contiguous",
);
const anyInput: fc.Arbitrary<TarInput> = fc
  .record({
    type,
    rawName,
    rawLinkName: rawName,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.oneof(fc.nat(), fc.constantFrom(2097151, 2097152, 4_000_000_000, Number.MAX_SAFE_INTEGER)),
    gid: fc.oneof(fc.nat(), fc.constantFrom(2097151, 2097152, 4_000_000_000)),
    uname: ownerName,
    gname: ownerName,
    mtime: fc.record({
      seconds: fc.oneof(fc.integer(), fc.constantFrom(-1, 0, 8 ** 11 - 1, 8 ** 11)),
      nanoseconds: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999_999 })),
    }),
    devMajor: fc.integer({ min: 0, max: 4095 }),
    devMinor: fc.integer({ min: 0, max: 1_048_575 }),
    xattrs: fc
      .array(fc.tuple(fc.stringMatching(/^[a-z]+\.[a-zA-Z0-9_.]{1,20}$/), fc.uint8Array({ maxLength: 60 })), {
        maxLength: 3,
      })
      .map((pairs) => new Map(pairs)),
    content: fc.uint8Array({ maxLength: 2000 }),
  })
  .map(({ content, devMajor, devMinor, rawLinkName, ...input }) => ({
    ...input,
    name: "shadowed",
    ...(input.type === "character" || input.type === "block" ? { devMajor, devMinor } : {}),
    ...(input.type === "symlink" || input.type === "hardlink" ? { rawLinkName } : {}),
    ...(input.type === "file" || input.type === "contiguous" ? { body: bytesBody(content) } : {}),
  }));

describe("tar", () => {
  it("reads what it wrote, in chunks of any size, and writes it again to the same bytes", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyInput, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 4 }),
        async (inputs, sizes) => {
          const archive = await pack(...inputs);
          expect(archive.byteLength % 512).toBe(0);
          const entries = await unpack(chunked(archive, sizes));
          expect(entries).toMatchObject(inputs.map(expected));
          expect(entries.map((entry) => entry["content"])).toEqual(
            await Promise.all(
              inputs.map(async ({ body }) =>
                body === undefined
                  ? ""
                  : Buffer.from(await readAll((body as ReturnType<typeof bytesBody>).open(), MANY)).toString("hex"),
              ),
            ),
          );
          const again = await readAll(writeTar(readTar(chunked(archive, sizes))), MANY);
          expect(Buffer.compare(archive, again)).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("names the file whose content has another size than it said", async () => {
    const short = { size: 10, open: () => bytesBody(utf8("123")).open() };
    await expect(pack({ name: "log", type: "file", body: short })).rejects.toMatchObject({
      code: "SOURCE_CHANGED",
      message: /"log".*only 3/,
    });
    const long = { size: 2, open: () => bytesBody(utf8("123")).open() };
    await expect(pack({ name: "log", type: "file", body: long })).rejects.toMatchObject({
      code: "SOURCE_CHANGED",
      message: /"log".*more than 2/,
    });
  });

  it("refuses an archive that is cut off anywhere but between entries", async () => {
    const archive = await pack({ name: "a", type: "file", body: bytesBody(utf8("x".repeat(700))), uid: 4_000_000_000 });
    // PAX header and its records, header, two blocks of content.
    const boundaries = new Set([0, 1024 + 512 + 700]);
    for (let length = 0; length < 1024 + 512 + 1024; length += 51) {
      const cut = unpack(whole(archive.subarray(0, length)));
      if (length > 1024 + 512 + 700 || boundaries.has(length)) await cut;
      else await expect(cut).rejects.toMatchObject({ code: "LAYER_INVALID" });
    }
  });
});
