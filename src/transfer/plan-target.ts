import { children, type Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import {
  type Descriptor,
  type Digest,
  isDocument,
  isForeignLayerType,
  isIndex,
  type RepositoryName,
} from "../spec/index.js";
import type { Attached } from "./find-attached.js";
import type { Graph } from "./graph.js";
import type { Destination } from "./plan.js";
import { planAttachedNames } from "./plan-attached-names.js";
import type { PlannedName, Planning } from "./planning.js";
import { whatIs } from "./what-is.js";

/** A blob that a target lacks, or may lack, and where it could be mounted from. */
export interface NeededBlob {
  readonly descriptor: Descriptor;
  /** "no": the target was asked, or is certain not to have it; "maybe": a mount will tell. */
  readonly present: "no" | "maybe";
  readonly mountFrom: readonly RepositoryName[];
}

/** What has to happen at one store, for all names in it. */
export interface Target {
  readonly store: Store;
  /** Those that were asked for. */
  readonly names: readonly PlannedName[];
  /** cosign's tags, which come along. */
  readonly attachedNames: readonly PlannedName[];
  readonly blobs: readonly NeededBlob[];
  /** Children first; the root, when it is missing, comes last of its own graph. */
  readonly documents: readonly Descriptor[];
  /** What is attached to the image, and below that; in the order in which it can be put. */
  readonly attachedDocuments: readonly Descriptor[];
  readonly present: readonly Descriptor[];
  /** Digest of what is attached, and of all below it, to the digest that it is attached to. */
  readonly attachedTo: ReadonlyMap<Digest, Digest>;
}

/** What the names at a target say of it. */
export interface Asked {
  readonly names: readonly PlannedName[];
  /** The root is there, and so is everything below it. */
  readonly complete: boolean;
  /** The target is the repository that the image comes from. */
  readonly isSource: boolean;
}

/**
 * A configuration below this size is sent without asking: the question costs as much as the answer. (The root was
 * found missing before, so it is most likely new.)
 */
const ASK_FROM_BYTES = 16 * 1024;

/**
 * Asks one store what it holds, with as few questions as can be: a name that already points at the root answers for
 * everything below it, and so does the root itself, and any document in between.
 */
export async function planTarget(
  store: Store,
  asked: Asked,
  attached: readonly Attached[],
  planning: Planning,
): Promise<Target> {
  const { graph, memory, signal } = planning;
  const options = { signal };
  const seen = new Set<Digest>();
  const blobs: NeededBlob[] = [];
  const present: Descriptor[] = [];

  const enter = async (node: Descriptor, isMissing: boolean): Promise<boolean> => {
    planning.onKnown();
    if (isDocument(node)) {
      if (isMissing) return true;
      if (!(await store.exists(node, options))) return true;
      present.push(node);
      return false;
    }
    if (isForeignLayerType(node.mediaType) && store.writer?.accepts.foreignLayers === "optional" && node.urls?.length) {
      present.push(node);
      return false;
    }
    const mountFrom = mountSources(store, node, planning);
    if (mountFrom.length > 0) blobs.push({ descriptor: node, present: "maybe", mountFrom });
    else if (
      store.repository !== undefined &&
      node.size <= ASK_FROM_BYTES &&
      !memory.holds(store.repository, node.digest)
    ) {
      blobs.push({ descriptor: node, present: "no", mountFrom });
    } else if (await store.exists(node, options)) present.push(node);
    else blobs.push({ descriptor: node, present: "no", mountFrom });
    return false;
  };

  let documents: readonly Descriptor[] = [];
  if (asked.complete) {
    present.push(graph.root);
    seen.add(graph.root.digest);
  } else {
    documents = await graph.walk((node) => enter(node, node.digest === graph.root.digest), graph.root, seen);
  }

  const attachedTo = new Map<Digest, Digest>();
  const attachedNames: PlannedName[] = [];
  const attachedDocuments: Descriptor[] = [];
  // In a repository that is source and destination everything lies where it belongs already.
  for (const one of asked.isSource ? [] : attached) {
    const { descriptor, subject } = one;
    const names = await planAttachedNames(store, one, asked.names, planning);
    // The destination's own stays.
    if (one.tag !== undefined && names.length === 0) continue;
    const isNew = !seen.has(descriptor.digest);
    const isMissing = isNew && names.every(({ changed }) => changed) && !(await holds(store, one, options));
    if (isMissing && !(await isReadable(graph, one, planning))) continue;
    attachedNames.push(...names);
    if (!isNew) continue;
    attachedTo.set(descriptor.digest, subject);
    if (!isMissing) {
      seen.add(descriptor.digest);
      present.push(descriptor);
      continue;
    }
    const put = await graph.walk(
      (node) => {
        attachedTo.set(node.digest, subject);
        return enter(node, node.digest === descriptor.digest);
      },
      descriptor,
      seen,
    );
    attachedDocuments.push(...put);
  }
  return {
    store,
    names: asked.names,
    attachedNames,
    blobs,
    documents,
    attachedDocuments,
    present,
    attachedTo,
  };
}

/**
 * Finds out which names have to move and whether the root is there. Which question comes first is what the memory is
 * for: a name last seen at the root is asked for itself (the same push again costs one request), a root last seen here
 * is asked for before a new name (one question and one put).
 *
 * @throws GantryError UNSUPPORTED for a store that cannot be written to
 */
export async function askNames(store: Store, wanted: readonly Destination[], planning: Planning): Promise<Asked> {
  if (store.writer === undefined)
    throw new GantryError("UNSUPPORTED", "the destination cannot be written to", {
      side: "destination",
      where: store.location,
    });
  const { graph, memory, signal, sourceRepository } = planning;
  const root = graph.root;
  const repository = store.repository;
  const options = { signal };
  const isSource =
    repository !== undefined && sourceRepository !== undefined && sameRepository(repository, sourceRepository);
  const held = isSource || (repository !== undefined && memory.holds(repository, root.digest));

  let complete = isSource;
  const isThere = async (): Promise<boolean> => planning.isSparse !== true && (await isWhole(store, root, options));
  const asked = new Map<Destination, boolean>();
  const ask = async (destination: Destination): Promise<void> => {
    const current = await whatIs(store, destination.tag!, options);
    asked.set(destination, current?.digest === root.digest);
    if (current?.digest === root.digest && (await isThere())) complete = true;
  };
  const tagged = wanted.filter((destination) => destination.tag !== undefined);
  const likely = (destination: Destination) =>
    repository === undefined || !held || isSource || memory.tagged(repository, destination.tag!) === root.digest;
  await Promise.all(tagged.filter(likely).map(ask));
  if (!complete && ![...asked.values()].includes(true)) {
    complete = (await store.exists(root, options)) && (await isThere());
    // The memory said that the root is here and was wrong: what else it said of this repository may be wrong too.
    if (!complete && held && repository !== undefined) memory.forget(repository, root.digest);
  }
  const names = wanted.map((destination) => ({
    destination,
    descriptor: root,
    changed: destination.tag === undefined ? !complete : asked.get(destination) !== true,
  }));
  return { names, complete, isSource };
}

/**
 * A registry that has an index has what it names, or refuses it. In files a sparse copy may have left gaps, and there
 * looking costs nothing.
 */
async function isWhole(
  store: Store,
  node: Descriptor,
  options: { readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  if (store.repository !== undefined || !isIndex(node)) return true;
  for (const child of await children(store, node, options)) {
    if (!(await store.exists(child, options)) || !(await isWhole(store, child, options))) return false;
  }
  return true;
}

/** In files a document that nothing lists is not attached yet, though its bytes are there. */
async function holds(
  store: Store,
  { descriptor, subject, tag }: Attached,
  options: { readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  if (!(await store.exists(descriptor, options))) return false;
  if (tag !== undefined || store.repository !== undefined || store.referrers === undefined) return true;
  const about = { mediaType: "", digest: subject, size: 0 };
  for await (const { digest } of store.referrers.list(about, options)) if (digest === descriptor.digest) return true;
  return false;
}

/** Lists of referrers name what was deleted long ago; that is no reason to leave the image where it is. */
async function isReadable(graph: Graph, { descriptor, subject }: Attached, planning: Planning): Promise<boolean> {
  try {
    await graph.children(descriptor);
    return true;
  } catch (error) {
    if (!GantryError.is(error) || error.code !== "MANIFEST_UNKNOWN") throw error;
    planning.onWarning(`${descriptor.digest}, said to be attached to ${subject}, is not there and is left out`);
    return false;
  }
}

function mountSources(
  store: Store,
  node: Descriptor,
  { source, sourceRepository, memory }: Planning,
): readonly RepositoryName[] {
  const here = store.repository;
  if (here === undefined) return [];
  const known = [
    ...(sourceRepository === undefined ? [] : [sourceRepository]),
    ...(source.locations?.(node) ?? []),
    ...memory.locations(here.host, node.digest),
  ];
  const places = new Map<string, RepositoryName>();
  for (const place of known) {
    if (place.host === here.host && place.repository !== here.repository) places.set(place.repository, place);
  }
  return [...places.values()];
}

/** True when both are the same repository. */
export function sameRepository(a: RepositoryName, b: RepositoryName): boolean {
  return a.host === b.host && a.repository === b.repository;
}
