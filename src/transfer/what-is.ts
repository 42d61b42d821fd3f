import type { ResolveOptions, Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor } from "../spec/index.js";

/** What a name points at in a store; undefined when there is no such name. */
export async function whatIs(store: Store, name: string, options: ResolveOptions): Promise<Descriptor | undefined> {
  try {
    return await store.resolve(name, options);
  } catch (error) {
    if (
      GantryError.is(error) &&
      (error.code === "MANIFEST_UNKNOWN" || error.code === "NAME_UNKNOWN" || error.code === "NOT_FOUND")
    )
      return undefined;
    throw error;
  }
}
