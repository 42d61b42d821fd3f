import type { TarTime } from "./entry.js";
import { invalidTar } from "./invalid.js";

/** One record of a PAX header: `LENGTH KEY=VALUE\n`. Values are bytes; keys are text. */
export type PaxRecord = readonly [key: string, value: Uint8Array];

const SPACE = 0x20;
const EQUALS = 0x3d;
const NEWLINE = 0x0a;
/** These become names, in which a NUL would end the one reader's text and not the other's. */
const TEXT_KEYS: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname", "GNU.sparse.name"]);

/**
 * The records of a PAX header in their order (POSIX.1-2017, pax, "Extended Header").
 *
 * @throws GantryError LAYER_INVALID
 */
export function parsePax(bytes: Uint8Array, offset: number): PaxRecord[] {
  const records: PaxRecord[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    // Some writers fill up with NULs, which POSIX does not ask for and nobody minds.
    if (bytes[at] === 0 && bytes.subarray(at).every((byte) => byte === 0)) break;
    let length = 0;
    let cursor = at;
    for (; cursor < bytes.byteLength && bytes[cursor] !== SPACE; cursor++) {
      const digit = bytes[cursor]! - 0x30;
      if (digit < 0 || digit > 9 || cursor - at > 8) throw invalidTar("a PAX record has no length", offset + at);
      length = length * 10 + digit;
    }
    const end = at + length;
    const equals = bytes.indexOf(EQUALS, cursor + 1);
    if (
      end > bytes.byteLength ||
      equals === -1 ||
      equals >= end - 1 ||
      bytes[end - 1] !== NEWLINE ||
      equals === cursor + 1
    )
      throw invalidTar("a PAX record is not as long as it says", offset + at);
    const key = decodeText(bytes.subarray(cursor + 1, equals));
    const value = bytes.slice(equals + 1, end - 1);
    if (key.includes("\0") || (TEXT_KEYS.has(key) && value.includes(0)))
      throw invalidTar("a PAX record has a NUL in a name", offset + at);
    records.push([key, value]);
    at = end;
  }
  return records;
}

/** The records as bytes, sorted by key so that the same entry always has the same header. */
export function formatPax(records: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1));
  const parts: Uint8Array[] = [];
  for (const [key, value] of sorted) {
    const name = Buffer.from(key);
    const rest = name.byteLength + value.byteLength + 3;
    // The length counts its own digits.
    let length = rest + String(rest).length;
    if (rest + String(length).length !== length) length = rest + String(length).length;
    parts.push(Buffer.from(`${length} `), name, Uint8Array.of(EQUALS), value, Uint8Array.of(NEWLINE));
  }
  return Buffer.concat(parts);
}

/** @throws GantryError LAYER_INVALID unless it is a number from 0 that can be held exactly */
export function parsePaxNumber(value: Uint8Array, key: string, offset: number): number {
  const text = decodeText(value);
  const number = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(number))
    throw invalidTar(`the PAX record ${key} is no number`, offset);
  return number;
}

/** @throws GantryError LAYER_INVALID unless it is a decimal number of seconds */
export function parsePaxTime(value: Uint8Array, key: string, offset: number): TarTime {
  const match = /^(-?)(\d{1,15})(?:\.(\d{0,40}))?$/.exec(decodeText(value));
  if (match === null) throw invalidTar(`the PAX record ${key} is no time`, offset);
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (match[1] === "") return { seconds: whole, nanoseconds };
  return nanoseconds === 0
    ? { seconds: whole === 0 ? 0 : -whole, nanoseconds: 0 }
    : { seconds: -whole - 1, nanoseconds: 1_000_000_000 - nanoseconds };
}

/** A time as decimal seconds, without zeros at its end. */
export function formatPaxTime({ seconds, nanoseconds }: TarTime): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const part = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${negative ? "-" : ""}${whole}.${String(part).padStart(9, "0").replace(/0+$/, "")}`;
}

/** Text of bytes that should be UTF-8; what is none becomes U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}
