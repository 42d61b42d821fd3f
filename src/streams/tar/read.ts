import { GantryError } from "../../errors.js";
import { type Body, bytesBody } from "../body.js";
import { ArchiveEntry } from "./archive-entry.js";
import { ByteReader } from "./byte-reader.js";
import type { TarEntry, TarEntryType, TarTime } from "./entry.js";
import { EntryData } from "./entry-data.js";
import { checksumFits, FIELD, isZeroBlock, paddingOf, readBytes, readNumber, TAR_BLOCK } from "./header.js";
import { invalidTar, shown } from "./invalid.js";
import { decodeText, type PaxRecord, parsePax, parsePaxNumber, parsePaxTime } from "./pax.js";
import { checkSparse, paxSparse, readGnuSparse, readSparse10, type SparseMap } from "./sparse.js";

/** Options of {@link readTar}. */
export interface ReadTarOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A PAX header (and all global ones together) may be this large, as in Go since CVE-2022-2879. */
const MAX_PAX = 1024 * 1024;
/** Linux knows no path longer than 4 KiB. */
const MAX_LONG_NAME = 64 * 1024;

const TYPES: Readonly<Record<string, TarEntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "contiguous",
  // GNU: a sparse file, and a directory with a list of its files.
  S: "file",
  D: "directory",
};

const NO_RECORDS: ReadonlyMap<string, Uint8Array> = new Map();
const NO_BYTES = new Uint8Array(0);
const XATTR = "SCHILY.xattr.";
const XATTR_BASE64 = "LIBARCHIVE.xattr.";

/** What the headers before an entry's own say about it. */
interface Extension {
  records: readonly PaxRecord[];
  longName: Uint8Array | undefined;
  longLink: Uint8Array | undefined;
}

/**
 * The entries of a tar archive: ustar, GNU and PAX, old formats included. The content of an entry can be read until the
 * next one is asked for; what is not read is left out, and a {@link Body} is opened behind it where that is shorter.
 * An archive ends with two blocks of zeros or at the end of an entry; what follows is read and ignored, so that
 * whoever verifies the source sees all of it.
 *
 * Names are not judged here: `../x` and `/x` come as they are.
 *
 * @throws GantryError LAYER_INVALID for a damaged archive or one that is cut off, UNSUPPORTED for a kind of entry that
 *   holds part of a file
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array> | Body,
  options: ReadTarOptions = {},
): AsyncGenerator<TarEntry, void, undefined> {
  const reader = new ByteReader(source, options.signal);
  let globals: ReadonlyMap<string, Uint8Array> = NO_RECORDS;
  let extension: Extension = { records: [], longName: undefined, longLink: undefined };
  let extended = false;
  try {
    for (;;) {
      options.signal?.throwIfAborted();
      const offset = reader.offset;
      const block = reader.tryTake(TAR_BLOCK) ?? (await reader.take(TAR_BLOCK));
      if (block.byteLength === 0 && !extended) return;
      if (block.byteLength < TAR_BLOCK) throw invalidTar("it ends within a header", offset);
      if (block[0] === 0 && isZeroBlock(block)) {
        if (extended) throw invalidTar("it ends within a header", offset);
        await readEnd(reader);
        return;
      }
      if (!checksumFits(block, offset)) throw invalidTar("a header's checksum is wrong", offset);

      const typeflag = String.fromCharCode(block[FIELD.type[0]]!);
      switch (typeflag) {
        // "X" is what Solaris wrote before PAX was a standard.
        case "x":
        case "X":
          extension.records = parsePax(await readExtension(reader, block, MAX_PAX, "a PAX header", offset), offset);
          extended = true;
          continue;
        case "g":
          globals = withGlobals(
            globals,
            parsePax(await readExtension(reader, block, MAX_PAX, "a PAX header", offset), offset),
            offset,
          );
          continue;
        case "L":
          extension.longName = untilNul(await readExtension(reader, block, MAX_LONG_NAME, "a long name", offset));
          extended = true;
          continue;
        case "K":
          extension.longLink = untilNul(await readExtension(reader, block, MAX_LONG_NAME, "a long link name", offset));
          extended = true;
          continue;
        // GNU's label of a tape.
        case "V":
          await reader.skip(readNumber(block, FIELD.size, offset));
          await reader.skip(paddingOf(readNumber(block, FIELD.size, offset)));
          continue;
        default:
          break;
      }
      const { entry, data } = await readEntry(reader, block, typeflag, extension, globals, offset);
      yield entry;
      await data.finish(entry.name);
      if (extended) extension = { records: [], longName: undefined, longLink: undefined };
      extended = false;
    }
  } finally {
    await reader.close();
  }
}

async function readEntry(
  reader: ByteReader,
  block: Uint8Array,
  typeflag: string,
  extension: Extension,
  globals: ReadonlyMap<string, Uint8Array>,
  offset: number,
): Promise<{ readonly entry: TarEntry; readonly data: EntryData }> {
  const { records } = extension;
  const pax = records.length === 0 ? globals : merged(globals, records);
  const name = extension.longName ?? pax.get("GNU.sparse.name") ?? pax.get("path") ?? headerName(block);
  const linkName = extension.longLink ?? pax.get("linkpath") ?? readBytes(block, FIELD.linkName);
  const known = TYPES[typeflag];
  if (known === undefined)
    throw new GantryError(
      "UNSUPPORTED",
      `${shown(decodeText(name))} is a tar entry of the unknown type ${shown(typeflag)}`,
      {
        facts: { offset },
      },
    );
  // The first tars had no type for directories.
  const type = typeflag === "\0" && name.at(-1) === 0x2f ? "directory" : known;

  const number = (key: string, field: readonly [number, number]): number => {
    const value = pax.get(key);
    const found = value === undefined ? readNumber(block, field, offset) : parsePaxNumber(value, key, offset);
    if (found < 0) throw invalidTar(`${key} is negative`, offset);
    return found;
  };
  const hasText = block[FIELD.magic[0]] === 0x75;
  const text = (key: string, field: readonly [number, number]): string => {
    const value = pax.get(key) ?? (hasText ? readBytes(block, field) : NO_BYTES);
    return value.byteLength === 0 ? "" : decodeText(value);
  };
  const isDevice = type === "character" || type === "block";
  const hasContent = type === "file" || type === "contiguous" || typeflag === "D";
  let stored = hasContent ? number("size", FIELD.size) : 0;
  const padding = paddingOf(stored);
  const sparse = type === "file" ? await readSparse(reader, block, typeflag, pax, records, stored, offset) : undefined;
  if (sparse !== undefined) stored -= sparse.taken;

  const data = new EntryData(reader, stored, padding);
  const shownName = decodeText(name);
  // What GNU keeps in a directory is a list for its incremental backups.
  const content = (): AsyncIterable<Uint8Array> => {
    if (type === "directory") return bytesBody(NO_BYTES).open();
    return sparse === undefined ? data.read(shownName) : data.expand(shownName, sparse.map, sparse.size);
  };
  const entry = new ArchiveEntry(
    {
      name,
      linkName: type === "symlink" || type === "hardlink" ? linkName : NO_BYTES,
      type,
      mode: readNumber(block, FIELD.mode, offset) & 0o7777,
      uid: number("uid", FIELD.uid),
      gid: number("gid", FIELD.gid),
      uname: text("uname", FIELD.uname),
      gname: text("gname", FIELD.gname),
      size: type === "directory" ? 0 : (sparse?.size ?? stored),
      mtime: modified(block, pax, offset),
      devMajor: isDevice ? readNumber(block, FIELD.devMajor, offset) : 0,
      devMinor: isDevice ? readNumber(block, FIELD.devMinor, offset) : 0,
      xattrs: pax.size === 0 ? NO_RECORDS : xattrsOf(pax, offset),
      pax,
      sparse: sparse !== undefined,
      dataOffset: reader.offset,
    },
    content,
  );
  return { entry, data };
}

/** After one block of zeros another has to follow, or nothing: a single one in the middle hides what is behind it. */
async function readEnd(reader: ByteReader): Promise<void> {
  const offset = reader.offset;
  const second = await reader.take(TAR_BLOCK);
  if (second.byteLength === TAR_BLOCK && !isZeroBlock(second))
    throw invalidTar("a header is empty", offset - TAR_BLOCK);
  await reader.drain();
}

async function readExtension(
  reader: ByteReader,
  block: Uint8Array,
  limit: number,
  what: string,
  offset: number,
): Promise<Uint8Array> {
  const size = readNumber(block, FIELD.size, offset);
  if (size < 0 || size > limit) throw invalidTar(`${what} of ${size} bytes is too large`, offset);
  const bytes = await reader.take(size);
  if (bytes.byteLength < size) throw invalidTar(`it ends within ${what}`, reader.offset);
  await reader.skip(paddingOf(size));
  return bytes;
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return bytes.slice(0, end === -1 ? bytes.byteLength : end);
}

/** The name in the header itself. Only POSIX's format has a prefix; GNU keeps times there. */
function headerName(block: Uint8Array): Uint8Array {
  const name = readBytes(block, FIELD.name);
  if (block[FIELD.prefix[0]] === 0 || block[FIELD.magic[0]] !== 0x75) return name;
  const isGnu = block[FIELD.magic[0] + 5] === 0x20;
  if (isGnu && !hasStrayPrefix(block)) return name;
  const trailer = Buffer.from(block.buffer, block.byteOffset + FIELD.starTrailer[0], 4).toString("latin1");
  const prefix = readBytes(block, trailer === "tar\0" ? FIELD.starPrefix : FIELD.prefix);
  return Buffer.concat([prefix, Uint8Array.of(0x2f), name]);
}

/** Go before 1.8 wrote POSIX's prefix into GNU headers, and layers of that time are still about. A time is a number, a path is not. */
function hasStrayPrefix(block: Uint8Array): boolean {
  try {
    readNumber(block, FIELD.gnuAccessTime, 0);
    readNumber(block, FIELD.gnuChangeTime, 0);
    return false;
  } catch {
    return readBytes(block, FIELD.prefix).every((byte) => byte < 0x80);
  }
}

function modified(block: Uint8Array, pax: ReadonlyMap<string, Uint8Array>, offset: number): TarTime {
  const value = pax.get("mtime");
  if (value !== undefined) return parsePaxTime(value, "mtime", offset);
  return { seconds: readNumber(block, FIELD.mtime, offset), nanoseconds: 0 };
}

const isXattr = (key: string): boolean => key.startsWith(XATTR) || key.startsWith(XATTR_BASE64);

/** A record without a value takes a global one back. An attribute may be empty. */
function merged(
  globals: ReadonlyMap<string, Uint8Array>,
  records: readonly PaxRecord[],
): ReadonlyMap<string, Uint8Array> {
  const all = new Map(globals);
  for (const [key, value] of records) {
    if (value.byteLength === 0 && !isXattr(key)) all.delete(key);
    else all.set(key, value);
  }
  return all;
}

function withGlobals(
  globals: ReadonlyMap<string, Uint8Array>,
  records: readonly PaxRecord[],
  offset: number,
): ReadonlyMap<string, Uint8Array> {
  const all = merged(globals, records);
  let size = 0;
  for (const [key, value] of all) size += key.length + value.byteLength;
  if (size > MAX_PAX) throw invalidTar(`global PAX headers of ${size} bytes are too large`, offset);
  return all;
}

function xattrsOf(pax: ReadonlyMap<string, Uint8Array>, offset: number): ReadonlyMap<string, Uint8Array> {
  let xattrs: Map<string, Uint8Array> | undefined;
  for (const [key, value] of pax) {
    if (!isXattr(key)) continue;
    xattrs ??= new Map();
    if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), value);
    else {
      // libarchive writes both; the plain one has the name without escapes (archive_write_set_format_pax.c).
      const name = unescaped(key.slice(XATTR_BASE64.length), offset);
      if (!pax.has(XATTR + name)) xattrs.set(name, new Uint8Array(Buffer.from(decodeText(value), "base64")));
    }
  }
  return xattrs ?? NO_RECORDS;
}

function unescaped(text: string, offset: number): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw invalidTar("the name of an extended attribute is not escaped", offset).with({ cause });
  }
}

async function readSparse(
  reader: ByteReader,
  block: Uint8Array,
  typeflag: string,
  pax: ReadonlyMap<string, Uint8Array>,
  records: readonly PaxRecord[],
  stored: number,
  offset: number,
): Promise<{ readonly map: SparseMap; readonly size: number; readonly taken: number } | undefined> {
  let map: SparseMap | undefined;
  let size: number;
  let taken = 0;
  if (typeflag === "S") {
    map = await readGnuSparse(block, reader, offset);
    size = readNumber(block, FIELD.gnuRealSize, offset);
  } else {
    if (records.length === 0) return undefined;
    if (pax.has("GNU.sparse.major")) {
      const version = `${decodeText(pax.get("GNU.sparse.major") ?? NO_BYTES)}.${decodeText(pax.get("GNU.sparse.minor") ?? NO_BYTES)}`;
      if (version !== "1.0") throw invalidTar(`a sparse file has the unknown version ${shown(version)}`, offset);
      ({ map, taken } = await readSparse10(reader, stored, offset));
    } else map = paxSparse(records, offset);
    if (map === undefined) return undefined;
    const key = pax.has("GNU.sparse.realsize") ? "GNU.sparse.realsize" : "GNU.sparse.size";
    size = parsePaxNumber(pax.get(key) ?? NO_BYTES, key, offset);
  }
  checkSparse(map, stored - taken, size, offset);
  return { map, size, taken };
}
