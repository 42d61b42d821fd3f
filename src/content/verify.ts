import { GantryError } from "../errors.js";
import { type Descriptor, isDocument, isForeignLayerType } from "../spec/index.js";
import { verified, verifyBytes } from "../streams/index.js";
import type { CallOptions, ContentReader } from "./store.js";
import { bottomUp } from "./walk.js";

/** Options of {@link verifyGraph}. */
export interface VerifyOptions extends CallOptions {
  /** False: documents only, and every blob is just asked for. Default true. */
  readonly blobs?: boolean;
  /** How many blobs are read at a time. Default 4. */
  readonly concurrency?: number;
  /** Called when a node is found good, children before parents except that blobs may lag. */
  onNode?(descriptor: Descriptor): void;
}

/** What {@link verifyGraph} has found good. */
export interface Verified {
  readonly nodes: number;
  /** Bytes that were read and hashed. */
  readonly bytes: number;
}

/**
 * Reads everything that can be reached from `root` to its end, each digest once, and checks it against digest and
 * size; a store's own checks are not relied on. A non-distributable layer that the store leaves where its URLs point
 * is passed over. Memory does not grow with blobs.
 *
 * @throws GantryError the first fault, whose `facts` name the node: DIGEST_MISMATCH, SIZE_MISMATCH, BLOB_UNKNOWN,
 *   MANIFEST_UNKNOWN, MANIFEST_INVALID, and whatever reading throws
 */
export async function verifyGraph(
  store: ContentReader,
  root: Descriptor,
  options: VerifyOptions = {},
): Promise<Verified> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const limit = Math.max(1, options.concurrency ?? 4);
  const running = new Set<Promise<void>>();
  const faults: unknown[] = [];
  let nodes = 0;
  let bytes = 0;

  const checked: ContentReader = {
    resolve: (name, o) => store.resolve(name, o),
    blob: (d) => store.blob(d),
    exists: (d, o) => store.exists(d, o),
    async manifest(node, o) {
      return await naming(node, async () => {
        const document = await store.manifest(node, o);
        verifyBytes(document, node);
        return document;
      });
    },
  };

  try {
    for await (const node of bottomUp(checked, root, { signal })) {
      if (isDocument(node)) good(node, node.size);
      else {
        while (running.size >= limit) await Promise.race(running);
        if (faults.length > 0) break;
        // Caught here and not where it is awaited: a fault may come while the walk waits for something else.
        const task: Promise<void> = naming(node, () => readBlob(node))
          .catch((fault: unknown) => {
            faults.push(fault);
            stop.abort(fault);
          })
          .finally(() => running.delete(task));
        running.add(task);
      }
    }
    await Promise.all(running);
  } catch (fault) {
    faults.push(fault);
  } finally {
    stop.abort();
    await Promise.all(running);
  }
  // The first one is the cause; what follows it are the readers that were told to stop.
  if (faults.length > 0) throw faults[0];
  return { nodes, bytes };

  function good(node: Descriptor, read: number): void {
    nodes += 1;
    bytes += read;
    options.onNode?.(node);
  }

  async function readBlob(node: Descriptor): Promise<void> {
    if (isForeignLayerType(node.mediaType) && !(await store.exists(node, { signal }))) return;
    if (options.blobs === false) {
      if (!(await store.exists(node, { signal })))
        throw new GantryError("BLOB_UNKNOWN", `blob unknown: ${node.digest}`);
      good(node, 0);
      return;
    }
    for await (const _ of verified(store.blob(node).open({ signal }), node)) signal.throwIfAborted();
    good(node, node.size);
  }
}

/** Adds to a fault which node it was. */
async function naming<T>(node: Descriptor, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!GantryError.is(error)) throw error;
    throw error.with({ where: node.digest, facts: { digest: node.digest, mediaType: node.mediaType } });
  }
}
