import type { Store } from "../content/index.js";
import { algorithmOf, type Digest, hexOf, isDigest } from "../spec/index.js";
import type { CosignSuffix } from "./attached-choice.js";

/** `sha256-<hex>.sig`: the tag that cosign keeps a signature, attestations or an SBOM of `subject` under. */
export function cosignTag(subject: Digest, suffix: CosignSuffix): string {
  return `${algorithmOf(subject)}-${hexOf(subject)}.${suffix}`;
}

/**
 * What a tag that belongs to the image called `name` is called in a store. In a registry's repository it is the tag
 * itself. A layout's names are free text: beside `1.0` it is the tag, beside a whole reference, as in gantry's own
 * store (`HOST/REPOSITORY:1.0`), it is that reference with the tag in place of its own. So what goes into a layout
 * comes out of it under the same rule.
 */
export function nameBeside(store: Store, name: string | undefined, tag: string): string {
  if (store.repository !== undefined || name === undefined || isDigest(name)) return tag;
  const named = name.replace(/@sha\d+:[0-9a-f]+$/, "");
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  if (colon !== -1) return `${named.slice(0, colon)}:${tag}`;
  return slash === -1 ? tag : `${named}:${tag}`;
}
