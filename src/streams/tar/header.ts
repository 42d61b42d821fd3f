import { invalidTar } from "./invalid.js";

/** Everything in an archive lies on multiples of this. */
export const TAR_BLOCK = 512;

/** Where the fields of a header lie (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's `old_gnu_header`). */
export const FIELD = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkName: [157, 100],
  magic: [257, 8],
  uname: [265, 32],
  gname: [297, 32],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
  /** In star's format the prefix ends earlier, for times follow it. */
  starPrefix: [345, 131],
  starTrailer: [508, 4],
  gnuAccessTime: [345, 12],
  gnuChangeTime: [357, 12],
  gnuSparse: [386, 96],
  gnuSparseMore: [482, 1],
  gnuRealSize: [483, 12],
} as const;

/** A field's place: offset and length. */
export type Field = readonly [offset: number, length: number];

const ZERO = 0x30;

/** True when all 512 bytes are zero. */
export function isZeroBlock(block: Uint8Array): boolean {
  for (let i = 0; i < TAR_BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/**
 * Whether the header's sum is right. Old writers added bytes as signed numbers, so both sums count as right.
 */
export function checksumFits(block: Uint8Array, offset: number): boolean {
  const [from, length] = FIELD.checksum;
  let sum = 0;
  let high = 0;
  for (let i = 0; i < TAR_BLOCK; i++) {
    const byte = block[i]!;
    sum += byte;
    high += byte >> 7;
  }
  for (let i = from; i < from + length; i++) {
    sum += 0x20 - block[i]!;
    high -= block[i]! >> 7;
  }
  const stored = readNumber(block, FIELD.checksum, offset);
  return stored === sum || stored === sum - 256 * high;
}

/** The bytes of a text field up to its NUL. They share the block's memory. */
export function readBytes(block: Uint8Array, [from, length]: Field): Uint8Array {
  let end = from;
  while (end < from + length && block[end] !== 0) end++;
  return block.subarray(from, end);
}

/**
 * A number, octal or in GNU's base 256.
 *
 * @throws GantryError LAYER_INVALID when it is neither or too large to be exact
 */
export function readNumber(block: Uint8Array, [from, length]: Field, offset: number): number {
  const first = block[from]!;
  if (first >= 0x80) return readBase256(block, from, length, offset);
  const end = from + length;
  let at = from;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at]! - ZERO;
    if (digit >= 0 && digit <= 7) value = value * 8 + digit;
    else if (block[at] === 0x20 || block[at] === 0) break;
    else throw invalidTar("a number in a header is not octal", offset + from);
  }
  return value;
}

function readBase256(block: Uint8Array, from: number, length: number, offset: number): number {
  // Two's complement; the top bit only marks the encoding, the next one is the sign.
  const negative = (block[from]! & 0x40) !== 0;
  let value = (negative ? ~block[from]! : block[from]!) & 0x3f;
  for (let at = from + 1; at < from + length; at++) value = value * 256 + (negative ? 255 - block[at]! : block[at]!);
  if (!Number.isSafeInteger(value)) throw invalidTar("a number in a header is too large", offset + from);
  return negative ? -value - 1 : value;
}

/** Puts a number as octal digits and a NUL, 0 when it has too many digits: a PAX record says it then. */
export function writeNumber(block: Uint8Array, [from, length]: Field, value: number): void {
  let rest = fitsOctal(value, length) ? value : 0;
  for (let at = from + length - 2; at >= from; at--) {
    const digit = rest % 8;
    block[at] = ZERO + digit;
    rest = (rest - digit) / 8;
  }
}

/** Whether a field of this length can hold the number, with its NUL. */
export function fitsOctal(value: number, length: number): boolean {
  return value >= 0 && value < 8 ** (length - 1);
}

/** Puts the sum of all bytes, as six digits, NUL, space: the one field with its own form. */
export function writeChecksum(block: Uint8Array): void {
  const [from, length] = FIELD.checksum;
  block.fill(0x20, from, from + length);
  let sum = 0;
  for (let i = 0; i < TAR_BLOCK; i++) sum += block[i]!;
  writeNumber(block, [from, 7], sum);
  block[from + 6] = 0;
}

/** How many bytes fill the last block. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}
