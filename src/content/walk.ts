import { GantryError } from "../errors.js";
import { type Descriptor, isDocument, isIndex, isManifest, parseIndex, parseManifest } from "../spec/index.js";
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
  return isDocument(node) ? childrenOf(await store.manifest(node, options), node) : [];
}

/**
 * {@link children} of a document whose bytes are at hand.
 *
 * @throws GantryError MANIFEST_INVALID
 */
export function childrenOf(bytes: Uint8Array, node: Descriptor): readonly Descriptor[] {
  if (isIndex(node)) return parseIndex(bytes, node.mediaType).manifests;
  if (!isManifest(node)) return [];
  const manifest = parseManifest(bytes, node.mediaType);
  return [manifest.config, ...manifest.layers];
}

/**
 * Every node that can be reached from `root`, children before their parents, each digest once: the
 * order in which a store can take them without ever holding a manifest whose content is missing.
 *
 * @throws GantryError MANIFEST_INVALID, SIZE_MISMATCH when two parents say different things of one digest;
 *   INDEX_TOO_DEEP and TOO_LARGE when the graph is no image's.
 */
export async function* bottomUp(
  store: ContentReader,
  root: Descriptor,
  options?: CallOptions,
): AsyncGenerator<Descriptor, void, undefined> {
  const seen = new Map<string, Descriptor>();
  // An explicit stack, because an index may nest deeper than a call stack.
  const stack: { node: Descriptor; rest: Iterator<Descriptor> }[] = [await enter(root)];
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const next = top.rest.next();
    if (next.done) {
      stack.pop();
      yield top.node;
      continue;
    }
    const before = seen.get(next.value.digest);
    if (before !== undefined) {
      agree(before, next.value);
      continue;
    }
    if (stack.length >= MAX_DEPTH) {
      throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, {
        where: next.value.digest,
      });
    }
    if (seen.size >= MAX_NODES) {
      throw new GantryError("TOO_LARGE", `more than ${MAX_NODES} manifests and blobs`, { where: root.digest });
    }
    stack.push(await enter(next.value));
  }

  async function enter(node: Descriptor) {
    seen.set(node.digest, node);
    return { node, rest: (await children(store, node, options))[Symbol.iterator]() };
  }
}

/**
 * One digest is one content: a second parent that calls it longer, or a document of another kind, would be believed
 * by whoever reads that parent first, and by nobody else.
 */
function agree(before: Descriptor, now: Descriptor): void {
  if (before.size !== now.size) {
    throw new GantryError("SIZE_MISMATCH", `${now.digest} is named with ${before.size} and with ${now.size} bytes`, {
      facts: { digest: now.digest, expected: before.size, got: now.size },
    });
  }
  if (before.mediaType !== now.mediaType && (isDocument(before) || isDocument(now))) {
    throw new GantryError("MANIFEST_INVALID", `${now.digest} is named ${before.mediaType} and ${now.mediaType}`);
  }
}

/** Real images nest two or three levels; BuildKit's deepest is four. */
const MAX_DEPTH = 16;

/** An index of 30 platforms with 127 layers each has 4 000; a graph that never ends is a server's joke. */
const MAX_NODES = 100_000;
