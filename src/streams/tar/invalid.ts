import { GantryError } from "../../errors.js";

/** An archive that is not what the format says. `offset` is the byte where it was noticed. */
export function invalidTar(what: string, offset?: number, entry?: string): GantryError {
  return new GantryError("LAYER_INVALID", `the tar archive is damaged: ${what}`, {
    facts: { ...(offset === undefined ? {} : { offset }), ...(entry === undefined ? {} : { entry }) },
  });
}

/** A name as it may appear in a message: escaped, because archives are made by strangers and terminals obey bytes. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}
