import type { ByteReader } from "./byte-reader.js";
import { FIELD, readNumber, TAR_BLOCK } from "./header.js";
import { invalidTar } from "./invalid.js";
import { decodeText, type PaxRecord, parsePaxNumber } from "./pax.js";

/** Where a sparse file's stored bytes belong: offset, length, offset, length, and so on. */
export type SparseMap = readonly number[];

/**
 * A map is an amplifier: a few compressed bytes name a million regions (CVE-2025-58183). Real files stay far below this.
 */
const MAX_REGIONS = 100_000;
const MAX_MAP_BYTES = 1024 * 1024;

/** The map in an old GNU header ("S") and in the blocks that follow it, which are read. */
export async function readGnuSparse(block: Uint8Array, reader: ByteReader, offset: number): Promise<SparseMap> {
  const map: number[] = [];
  const collect = (from: Uint8Array, at: number, count: number): void => {
    for (let i = 0; i < count; i++, at += 24) {
      if (from[at] === 0 && from[at + 12] === 0) return;
      map.push(readNumber(from, [at, 12], offset), readNumber(from, [at + 12, 12], offset));
    }
  };
  collect(block, FIELD.gnuSparse[0], 4);
  let more = block[FIELD.gnuSparseMore[0]] !== 0;
  while (more) {
    const extension = await reader.take(TAR_BLOCK);
    if (extension.byteLength < TAR_BLOCK) throw invalidTar("it ends within a sparse map", reader.offset);
    collect(extension, 0, 21);
    checkCount(map.length / 2, offset);
    more = extension[504] !== 0;
  }
  return map;
}

/** The map in PAX records of version 0.0 or 0.1, undefined where there is none. */
export function paxSparse(records: readonly PaxRecord[], offset: number): SparseMap | undefined {
  const map: number[] = [];
  let found = false;
  for (const [key, value] of records) {
    if (key === "GNU.sparse.map") {
      const parts = value.byteLength === 0 ? [] : decodeText(value).split(",", 2 * MAX_REGIONS + 2);
      return parts.map((part) => parsePaxNumber(Buffer.from(part), key, offset));
    }
    if (key === "GNU.sparse.numblocks") found = true;
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      // Version 0.0 repeats the two in turn.
      if ((map.length % 2 === 0) !== (key === "GNU.sparse.offset"))
        throw invalidTar("a sparse map is out of order", offset);
      map.push(parsePaxNumber(value, key, offset));
    }
  }
  return found ? map : undefined;
}

/** The map of version 1.0, which begins the content, and the number of bytes it takes there. */
export async function readSparse10(
  reader: ByteReader,
  available: number,
  offset: number,
): Promise<{ readonly map: SparseMap; readonly taken: number }> {
  const map: number[] = [];
  let wanted = 1;
  let count: number | undefined;
  let value = 0;
  let digits = 0;
  let taken = 0;
  while (wanted > 0) {
    if (taken + TAR_BLOCK > available || taken >= MAX_MAP_BYTES) throw invalidTar("a sparse map has no end", offset);
    const block = await reader.take(TAR_BLOCK);
    if (block.byteLength < TAR_BLOCK) throw invalidTar("it ends within a sparse map", reader.offset);
    taken += TAR_BLOCK;
    for (let at = 0; at < TAR_BLOCK && wanted > 0; at++) {
      const digit = block[at]! - 0x30;
      if (digit >= 0 && digit <= 9 && digits < 16) {
        value = value * 10 + digit;
        digits++;
      } else if (block[at] === 0x0a && digits > 0) {
        if (count === undefined) {
          count = value;
          checkCount(count, offset);
          wanted = 2 * count;
        } else {
          map.push(value);
          wanted--;
        }
        value = 0;
        digits = 0;
      } else throw invalidTar("a sparse map is no list of numbers", offset);
    }
  }
  return { map, taken };
}

/**
 * Regions have to be in order, within the file, and as long together as what is stored.
 *
 * @throws GantryError LAYER_INVALID
 */
export function checkSparse(map: SparseMap, stored: number, size: number, offset: number): void {
  checkCount(map.length / 2, offset);
  let end = 0;
  let sum = 0;
  for (let i = 0; i < map.length; i += 2) {
    const from = map[i]!;
    const length = map[i + 1];
    if (length === undefined || length < 0 || from < end || from + length > size)
      throw invalidTar("a sparse map does not fit its file", offset);
    end = from + length;
    sum += length;
  }
  if (sum !== stored) throw invalidTar("a sparse map does not fit what is stored", offset);
}

function checkCount(count: number, offset: number): void {
  if (count > MAX_REGIONS) throw invalidTar(`a sparse map has more than ${MAX_REGIONS} regions`, offset);
}
