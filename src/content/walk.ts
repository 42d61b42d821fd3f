import { GantryError } from "../errors.js";
import { type Descriptor, isIndex, isManifest, parseIndex, parseManifest } from "../spec/index.js";
import type { CallOptions, ContentReader } from "./store.js";

/**
 * What a node points at, in document order: an image's config and layers, an index's manifests.
 * A blob points at nothing. The `subject` of a referrer is not a child: it is found from the other
 * side, and following it here would make a copy of a signature drag its image along.
 *
 * @throws GantryError MANIFEST_INVALID when the bytes are not what the descriptor's media type says
 *   (OCI image-spec 1.1, manifest.md and image-index.md; CVE-2021-41190).
 */
export async function children(
  store: ContentReader,
  node: Descriptor,
  options?: CallOptions,
): Promise<readonly Descriptor[]> {
  if (isIndex(node)) return parseIndex(await store.manifest(node, options), node.mediaType).manifests;
  if (!isManifest(node)) return [];
  const manifest = parseManifest(await store.manifest(node, options), node.mediaType);
  return [manifest.config, ...manifest.layers];
}

/**
 * Every node that can be reached from `root`, children before their parents, each digest once: the
 * order in which a store can take them without ever holding a manifest whose content is missing.
 */
export async function* bottomUp(
  store: ContentReader,
  root: Descriptor,
  options?: CallOptions,
): AsyncGenerator<Descriptor, void, undefined> {
  const seen = new Set<string>();
  // An explicit stack, because an index may nest deeper than a call stack.
  const stack: { node: Descriptor; rest: Descriptor[] }[] = [await enter(root)];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const next = top.rest.shift();
    if (next === undefined) {
      stack.pop();
      yield top.node;
    } else if (!seen.has(next.digest)) {
      if (stack.length >= MAX_DEPTH) {
        throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, { where: next.digest });
      }
      stack.push(await enter(next));
    }
  }

  async function enter(node: Descriptor) {
    seen.add(node.digest);
    return { node, rest: [...(await children(store, node, options))] };
  }
}

/** Real images nest two or three levels; BuildKit's deepest is four. */
const MAX_DEPTH = 16;
