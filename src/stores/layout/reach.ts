import { GantryError } from "../../errors.js";
import type { CallOptions, ContentReader } from "../../content/index.js";
import { children } from "../../content/index.js";
import { type Descriptor, type Digest, isDocument, isIndex, isManifest } from "../../spec/index.js";
import { readAll } from "../../streams/index.js";

/**
 * Every digest that can be reached from `roots`. Content that is absent is passed over, for a layout may be sparse. A
 * document of a type that gantry does not know (Docker's schema 1, the withdrawn artifact manifest) reaches whatever
 * digest its text names: too much is kept rather than too little.
 *
 * @throws GantryError when a document is there and cannot be read, for what it reaches is then unknown
 */
export async function reach(
  store: ContentReader,
  roots: Iterable<Descriptor>,
  options?: CallOptions,
): Promise<Set<Digest>> {
  const seen = new Set<Digest>();
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (seen.has(node.digest)) continue;
    seen.add(node.digest);
    if (isManifest(node)) {
      for (const child of await childrenIfThere(store, node, options)) seen.add(child.digest);
    } else if (isIndex(node)) {
      stack.push(...(await childrenIfThere(store, node, options)));
    } else {
      for (const digest of await namedDigests(store, node, options)) seen.add(digest);
    }
  }
  return seen;
}

/**
 * The first descriptor of `digest` in the indexes under `roots`; undefined where none names it.
 */
export async function findNested(
  store: ContentReader,
  roots: Iterable<Descriptor>,
  digest: string,
  options?: CallOptions,
): Promise<Descriptor | undefined> {
  const seen = new Set<Digest>();
  const queue = [...roots];
  for (const node of queue) {
    if (node.digest === digest) return node;
    if (seen.has(node.digest) || !isIndex(node)) continue;
    seen.add(node.digest);
    queue.push(...(await childrenIfThere(store, node, options)));
  }
  return undefined;
}

async function childrenIfThere(
  store: ContentReader,
  node: Descriptor,
  options?: CallOptions,
): Promise<readonly Descriptor[]> {
  try {
    return await children(store, node, options);
  } catch (error) {
    if (GantryError.is(error) && error.code === "MANIFEST_UNKNOWN") return [];
    throw error;
  }
}

async function namedDigests(store: ContentReader, node: Descriptor, options?: CallOptions): Promise<Digest[]> {
  if (isDocument(node) || !/json|jws/.test(node.mediaType) || node.size > MAX_UNKNOWN_BYTES) return [];
  if (!(await store.exists(node, options))) return [];
  const bytes = await readAll(store.blob(node).open({ signal: options?.signal }), MAX_UNKNOWN_BYTES);
  const text = new TextDecoder().decode(bytes);
  return (text.match(/\bsha256:[0-9a-f]{64}\b|\bsha512:[0-9a-f]{128}\b/g) ?? []) as Digest[];
}

const MAX_UNKNOWN_BYTES = 4 * 1024 * 1024;
