import { isUtf8 } from "node:buffer";
import { GantryError } from "../../errors.js";
import type { TarEntryType, TarInput } from "./entry.js";
import { FIELD, type Field, fitsOctal, paddingOf, TAR_BLOCK, writeChecksum, writeNumber } from "./header.js";
import { shown } from "./invalid.js";
import { formatPax, formatPaxTime } from "./pax.js";

const TYPEFLAG: Readonly<Record<TarEntryType, string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
  contiguous: "7",
};

/** The name of a PAX header's own entry: always the same, so that it says nothing about this process. */
const PAX_NAME = "././@PaxHeader";
const SLASH = 0x2f;
const NO_NAME = new Uint8Array(0);

/** Records that are made of an entry's fields, or that would no longer be true of what is written. */
const OWN_RECORD =
  /^(?:path|linkpath|size|uid|gid|uname|gname|mtime|atime|ctime|charset|hdrcharset|comment|SCHILY\.(?:xattr|realsize|dev|ino|nlink)\b.*|LIBARCHIVE\.(?:xattr\..*|creationtime)|GNU\.sparse\..*)$/;

/**
 * The header blocks of an entry: its ustar header, and before it a PAX header for what does not fit there.
 *
 * @throws GantryError USAGE for what tar cannot hold
 */
export function inputHeader(input: TarInput, size: number): readonly Uint8Array[] {
  const block = new Uint8Array(TAR_BLOCK);
  const pax = new Map<string, Uint8Array>();
  const isDevice = input.type === "character" || input.type === "block";
  const isLink = input.type === "symlink" || input.type === "hardlink";

  putName(block, pax, nameOf(input));
  const linkName = isLink ? checkedName(input, input.rawLinkName ?? bytesOf(input.linkName ?? "")) : NO_NAME;
  putText(block, pax, FIELD.linkName, "linkpath", linkName, FIELD.linkName[1]);
  writeNumber(block, FIELD.mode, modeOf(input));
  putNumber(block, pax, FIELD.uid, "uid", input.uid ?? 0, input);
  putNumber(block, pax, FIELD.gid, "gid", input.gid ?? 0, input);
  putNumber(block, pax, FIELD.size, "size", size, input);
  putTime(block, pax, input);
  block[FIELD.type[0]] = TYPEFLAG[input.type].charCodeAt(0);
  putMagic(block);
  // These two need their NUL.
  putText(block, pax, FIELD.uname, "uname", checkedText(input, input.uname ?? ""), FIELD.uname[1] - 1);
  putText(block, pax, FIELD.gname, "gname", checkedText(input, input.gname ?? ""), FIELD.gname[1] - 1);
  putDevice(block, FIELD.devMajor, isDevice ? (input.devMajor ?? 0) : 0, input);
  putDevice(block, FIELD.devMinor, isDevice ? (input.devMinor ?? 0) : 0, input);
  writeChecksum(block);

  for (const [key, value] of input.pax ?? []) if (!OWN_RECORD.test(key)) pax.set(checkedKey(input, key), value);
  for (const [key, value] of input.xattrs ?? []) pax.set(checkedKey(input, `SCHILY.xattr.${key}`), value);
  return pax.size === 0 ? [block] : [...paxHeader(pax), block];
}

function paxHeader(records: ReadonlyMap<string, Uint8Array>): readonly Uint8Array[] {
  const bytes = formatPax(records);
  const block = new Uint8Array(TAR_BLOCK);
  block.set(bytesOf(PAX_NAME), FIELD.name[0]);
  writeNumber(block, FIELD.mode, 0o644);
  writeNumber(block, FIELD.uid, 0);
  writeNumber(block, FIELD.gid, 0);
  writeNumber(block, FIELD.size, bytes.byteLength);
  writeNumber(block, FIELD.mtime, 0);
  block[FIELD.type[0]] = "x".charCodeAt(0);
  putMagic(block);
  writeNumber(block, FIELD.devMajor, 0);
  writeNumber(block, FIELD.devMinor, 0);
  writeChecksum(block);
  return [block, bytes, new Uint8Array(paddingOf(bytes.byteLength))];
}

function putMagic(block: Uint8Array): void {
  block.set(bytesOf("ustar\u000000"), FIELD.magic[0]);
}

/** A name goes into the header, split at a slash if need be, or into a PAX record. */
function putName(block: Uint8Array, pax: Map<string, Uint8Array>, name: Uint8Array): void {
  const [, nameRoom] = FIELD.name;
  if (!needsPax(name)) {
    if (name.byteLength <= nameRoom) {
      block.set(name, FIELD.name[0]);
      return;
    }
    // The first slash that leaves few enough bytes behind it; the last byte may be one, and is no place to split.
    const split = name.byteLength > 256 ? -1 : name.subarray(0, -1).indexOf(SLASH, name.byteLength - nameRoom - 1);
    if (split > 0 && split <= FIELD.prefix[1]) {
      block.set(name.subarray(0, split), FIELD.prefix[0]);
      block.set(name.subarray(split + 1), FIELD.name[0]);
      return;
    }
  }
  pax.set("path", name);
  block.set(fallback(name, nameRoom), FIELD.name[0]);
}

function putText(
  block: Uint8Array,
  pax: Map<string, Uint8Array>,
  field: Field,
  key: string,
  text: Uint8Array,
  room: number,
): void {
  if (text.byteLength <= room && !needsPax(text)) block.set(text, field[0]);
  else {
    pax.set(key, text);
    block.set(fallback(text, room), field[0]);
  }
}

/** UTF-8 beyond ASCII is only defined in PAX. Bytes that are no UTF-8 are not defined anywhere, and survive best as they are. */
function needsPax(text: Uint8Array): boolean {
  return text.some((byte) => byte >= 0x80) && isUtf8(text);
}

/** What a reader without PAX shows. */
function fallback(text: Uint8Array, room: number): Uint8Array {
  return text.subarray(0, room).map((byte) => (byte < 0x80 ? byte : 0x5f));
}

function putNumber(
  block: Uint8Array,
  pax: Map<string, Uint8Array>,
  field: Field,
  key: string,
  value: number,
  input: TarInput,
): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new GantryError("USAGE", `${value} is no ${key} for ${shown(input.name)}`);
  if (!fitsOctal(value, field[1])) pax.set(key, bytesOf(String(value)));
  writeNumber(block, field, value);
}

function putTime(block: Uint8Array, pax: Map<string, Uint8Array>, input: TarInput): void {
  const { seconds, nanoseconds } = input.mtime ?? { seconds: 0, nanoseconds: 0 };
  if (!Number.isSafeInteger(seconds) || !Number.isInteger(nanoseconds) || nanoseconds < 0 || nanoseconds > 999_999_999)
    throw new GantryError("USAGE", `${seconds} s ${nanoseconds} ns is no time for ${shown(input.name)}`);
  if (nanoseconds !== 0 || !fitsOctal(seconds, FIELD.mtime[1]))
    pax.set("mtime", bytesOf(formatPaxTime({ seconds, nanoseconds })));
  writeNumber(block, FIELD.mtime, seconds);
}

function putDevice(block: Uint8Array, field: Field, value: number, input: TarInput): void {
  if (!Number.isInteger(value) || !fitsOctal(value, field[1]))
    throw new GantryError("USAGE", `${value} is no device number for ${shown(input.name)}`);
  writeNumber(block, field, value);
}

function modeOf(input: TarInput): number {
  const mode = input.mode ?? (input.type === "directory" ? 0o755 : input.type === "symlink" ? 0o777 : 0o644);
  if (!Number.isInteger(mode) || mode < 0)
    throw new GantryError("USAGE", `${mode} is no mode for ${shown(input.name)}`);
  return mode & 0o7777;
}

function nameOf(input: TarInput): Uint8Array {
  const name = checkedName(input, input.rawName ?? bytesOf(input.name));
  if (input.type !== "directory" || name.at(-1) === SLASH) return name;
  const withSlash = new Uint8Array(name.byteLength + 1);
  withSlash.set(name);
  withSlash[name.byteLength] = SLASH;
  return withSlash;
}

function checkedName(input: TarInput, name: Uint8Array): Uint8Array {
  if (name.byteLength === 0 || name.includes(0))
    throw new GantryError("USAGE", `${shown(input.name)} has a name or target that is empty or holds a NUL`);
  return name;
}

function checkedText(input: TarInput, text: string): Uint8Array {
  if (text.includes("\0")) throw new GantryError("USAGE", `${shown(input.name)} has an owner with a NUL in its name`);
  return bytesOf(text);
}

function checkedKey(input: TarInput, key: string): string {
  if (key === "" || key.includes("=") || key.includes("\0"))
    throw new GantryError("USAGE", `${shown(key)} is no name for an attribute of ${shown(input.name)}`);
  return key;
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}
