import pLimit from "p-limit";
import type { Placement } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, isIndex, parseDocument } from "../spec/index.js";
import { type Applying, type Journal, together } from "./applying.js";
import type { Graph } from "./graph.js";
import { placeBlob } from "./place-blobs.js";
import type { Target } from "./plan-target.js";

/** What putting documents needs beside {@link Applying}. */
export interface Putting extends Applying {
  readonly graph: Graph;
}

/**
 * Puts the documents of a target by their digests, children first, what is attached after what it is attached to.
 * `rootToo` is false where the root can be put together with its first name, in one request.
 */
export async function putDocuments(
  target: Target,
  rootToo: boolean,
  applying: Putting,
  journal: Journal,
): Promise<void> {
  const isRoot = (d: Descriptor): boolean => d.digest === applying.root.digest;
  await putInOrder(
    target.documents.filter((d) => rootToo || !isRoot(d)),
    isRoot,
  );
  await putInOrder(target.attachedDocuments, () => false);

  async function putInOrder(wanted: readonly Descriptor[], isLast: (d: Descriptor) => boolean): Promise<void> {
    const limit = pLimit(applying.concurrency);
    const put = (d: Descriptor) => putDocument(target, d, [], applying, journal);
    // Manifests name no other document, so their order does not matter. Indexes may nest: one after the other.
    await together(
      wanted.filter((d) => !isIndex(d) && !isLast(d)).map((d) => limit(() => put(d))),
      applying,
    );
    for (const d of wanted.filter((w) => isIndex(w) || isLast(w))) await put(d);
  }
}

/** Puts one document, under names or its digest; repairs what the store said to have and has not, once. */
export async function putDocument(
  target: Target,
  descriptor: Descriptor,
  tags: readonly string[],
  applying: Putting,
  journal: Journal,
): Promise<void> {
  const { onEvent, signal, memory, source } = applying;
  const { store } = target;
  signal?.throwIfAborted();
  const bytes = await source.manifest(descriptor, { signal });
  const put = (): Promise<Placement> =>
    store.writer!.putManifest(bytes, descriptor, { signal, ...(tags.length > 0 ? { tags } : {}) });
  const placement = await put()
    .catch(async (error: unknown) => {
      if (!GantryError.is(error) || error.code !== "BLOB_UNKNOWN" || signal?.aborted) throw error;
      // The registry had said "present" of something that it does not have (users-ask.md, rows 41 and 42).
      onEvent?.({ type: "retry", destination: store.location, reason: error.message });
      await repair(target, descriptor, bytes, error, applying, journal);
      return put();
    })
    .catch((error: unknown) => journal.fail(error, target, signal?.aborted === true));
  if (store.repository !== undefined) memory.remember(store.repository, descriptor, tags[0]);
  const isNew = [...target.documents, ...target.attachedDocuments].some((d) => d.digest === descriptor.digest);
  if (isNew && journal.addDocument(target, descriptor, placement))
    onEvent?.({ type: "manifest-done", destination: store.location, descriptor });
}

/**
 * Sends again what the registry named as missing, or else all that the document names, whatever the registry says of
 * having it. Blobs are sent; a child document is put, and its blobs are sent only when the registry refuses it too.
 */
async function repair(
  target: Target,
  descriptor: Descriptor,
  bytes: Uint8Array,
  error: GantryError,
  applying: Putting,
  journal: Journal,
): Promise<void> {
  const { source, signal, memory, graph } = applying;
  const { store } = target;
  const said = String(error.facts?.["digests"] ?? "");
  // What a sparse copy leaves out stays out; the registry that insists on it says so again.
  const below = await graph.children(descriptor);
  const named = below.filter((child) => said.includes(child.digest));
  const missing = named.length > 0 ? named : below;
  for (const child of missing) if (store.repository !== undefined) memory.forget(store.repository, child.digest);
  if (parseDocument(bytes, descriptor.mediaType).kind === "manifest") {
    const needed = (child: Descriptor) => ({ descriptor: child, present: "no" as const, mountFrom: [] });
    for (const child of missing)
      await placeBlob(target, needed(child), { body: source.blob(child), lies: true }, applying, journal);
    return;
  }
  for (const child of missing) {
    const content = await source.manifest(child, { signal });
    const put = (): Promise<Placement> => store.writer!.putManifest(content, child, { signal, present: "ignore" });
    const placement = await put().catch(async (refused: unknown) => {
      if (!GantryError.is(refused) || refused.code !== "BLOB_UNKNOWN" || signal?.aborted) throw refused;
      await repair(target, child, content, refused, applying, journal);
      return put();
    });
    journal.addDocument(target, child, { ...placement, how: "repaired" });
  }
}
