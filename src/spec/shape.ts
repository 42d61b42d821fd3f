import type { GantryError } from "../errors.js";
import { type Digest, isDigest } from "./digest.js";
import type { Json } from "./json.js";

/*
 * A few readers that turn JSON into typed values and say where they could not: `layers[3].digest is not a digest`.
 * By hand and not by a library, for three rules that documents need and schemas do not know: null is absence, as Go's
 * encoders and decoders have it; keys that differ from a known one in case alone are refused; unknown keys stay.
 */

/** Where a reader is: `layers[3].digest`, put together only when it is asked for, for documents have 100 000 fields. */
export class Place {
  readonly refuse: (why: string) => GantryError;
  readonly #above: Place | undefined;
  readonly #step: string;

  constructor(refuse: (why: string) => GantryError, above?: Place, step = "") {
    this.refuse = refuse;
    this.#above = above;
    this.#step = step;
  }

  get path(): string {
    const path = `${this.#above?.path ?? ""}${this.#step}`;
    return path.startsWith(".") ? path.slice(1) : path;
  }

  /** One step down: `.key`, `[3]`. */
  at(step: string): Place {
    return new Place(this.refuse, this, step);
  }
}

/** Reads one value, or throws what `place.refuse` makes. */
export type Read<T> = (value: Json, place: Place) => T;

/** A field of an object: how it is read, and what stands for it when it is absent or null. */
export interface Field<T> {
  readonly read: Read<T>;
  /** Absent: the field is required. `() => undefined`: it stays absent. */
  readonly otherwise?: () => T | undefined;
}

/** A field that has to be there. */
export const required = <T>(read: Read<T>): Field<T> => ({ read });

/** A field that may be absent or null; null is dropped. */
export const optional = <T>(read: Read<T>): Field<T> => ({ read, otherwise: () => undefined });

/** A field with a value that stands for absence and null. */
export const defaulted = <T>(read: Read<T>, otherwise: () => T): Field<T> => ({ read, otherwise });

export const text: Read<string> = (value, place) => {
  if (typeof value !== "string") throw place.refuse(`${place.path} is not a string`);
  return value;
};

export const truth: Read<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw place.refuse(`${place.path} is not true or false`);
  return value;
};

export const number: Read<number> = (value, place) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw place.refuse(`${place.path} is not a number`);
  return value;
};

/** A length in bytes. Beyond 2^53 two readers would count differently, and no content is so long. */
export const size: Read<number> = (value, place) => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw place.refuse(`${place.path} is not a size (${shown(value)})`);
};

/** A digest, before it becomes part of a path or a URL (CVE-2024-3727). */
export const digest: Read<Digest> = (value, place) => {
  if (typeof value === "string" && isDigest(value)) return value;
  throw place.refuse(`${place.path} is not a digest (${shown(value)})`);
};

export const list =
  <T>(item: Read<T>): Read<readonly T[]> =>
  (value, place) => {
    if (!Array.isArray(value)) throw place.refuse(`${place.path} is not a list`);
    return value.map((entry: Json, i) => item(entry, place.at(`[${i}]`)));
  };

/** Any keys with one kind of value; `otherwise` stands for null, as the zero value does in Go's maps. */
export const map =
  <T>(item: Read<T>, otherwise: () => T): Read<Readonly<Record<string, T>>> =>
  (value, place) => {
    const made = Object.create(null) as Record<string, T>;
    for (const [key, entry] of Object.entries(asObject(value, place))) {
      made[key] = entry === null ? otherwise() : item(entry, place.at(`[${JSON.stringify(key.slice(0, 80))}]`));
    }
    return made;
  };

/** The annotations of a document, the labels of a config. */
export const stringMap: Read<Readonly<Record<string, string>>> = map(text, () => "");

/** An object of unknown content. */
export const anyObject: Read<object> = (value, place) => asObject(value, place);

/**
 * An object with these fields and any others, in the order of the document. The caller vouches that the fields make
 * a `T`.
 *
 * @param kin keys of sibling shapes whose case-variants are to be refused here too
 */
export function object<T>(fields: Readonly<Record<string, Field<unknown>>>, kin: readonly string[] = []): Read<T> {
  const folded = new Map([...Object.keys(fields), ...kin].map((key) => [fold(key), key]));
  const known = Object.entries(fields).map(([key, field]) => ({ key, field, step: `.${key}` }));
  return (value, place) => {
    const given = asObject(value, place);
    const made = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(given)) {
      const entry = given[key]!;
      if (!Object.hasOwn(fields, key)) {
        const meant = folded.get(fold(key));
        // Go's decoder takes "Layers" for "layers" and the last one wins: one digest would be two images.
        if (meant !== undefined && meant !== key)
          throw place.refuse(`${place.at(`.${key}`).path} is a case-variant of the known key ${JSON.stringify(meant)}`);
        made[key] = entry;
      } else if (entry !== null) made[key] = fields[key]!.read(entry, place.at(`.${key}`));
    }
    for (const { key, field, step } of known) {
      if (key in made) continue;
      if (field.otherwise === undefined) throw place.refuse(`${place.at(step).path} is missing`);
      const value = field.otherwise();
      if (value !== undefined) made[key] = value;
    }
    return made as T;
  };
}

function asObject(value: Json, place: Place): { readonly [key: string]: Json } {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as { readonly [key: string]: Json };
  throw place.refuse(`${place.path === "" ? "it" : place.path} is not an object`);
}

/** As encoding/json compares keys: Unicode's simple folding, where two letters outside ASCII meet ASCII ones. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll("\u017f", "s");
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
