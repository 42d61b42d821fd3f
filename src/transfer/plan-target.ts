import type { ContentReader, Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, isDocument, isForeignLayerType, type RepositoryName } from "../spec/index.js";
import type { Graph } from "./graph.js";
import type { LocationMemory } from "./memory.js";
import type { Destination } from "./plan.js";

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
  readonly names: readonly { readonly destination: Destination; readonly changed: boolean }[];
  readonly blobs: readonly NeededBlob[];
  /** Children first; the root, when it is missing, comes last. */
  readonly documents: readonly Descriptor[];
  readonly present: readonly Descriptor[];
}

/** What planning a target needs to know. */
export interface Planning {
  readonly graph: Graph;
  readonly source: ContentReader;
  readonly sourceRepository: RepositoryName | undefined;
  readonly memory: LocationMemory;
  readonly signal: AbortSignal | undefined;
  onKnown(): void;
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
export async function planTarget(store: Store, wanted: readonly Destination[], planning: Planning): Promise<Target> {
  const { graph, memory, signal } = planning;
  const root = graph.root;
  if (store.writer === undefined)
    throw new GantryError("UNSUPPORTED", "the destination cannot be written to", {
      side: "destination",
      where: store.location,
    });
  const { names, complete } = await askNames(store, wanted, planning);
  const target = {
    store,
    names,
    blobs: [] as NeededBlob[],
    documents: [] as readonly Descriptor[],
    present: [] as Descriptor[],
  };
  if (complete) {
    target.present.push(root);
    return target;
  }
  const options = { signal };
  target.documents = await graph.walk(async (node) => {
    planning.onKnown();
    if (isDocument(node)) {
      if (node.digest === root.digest) return true;
      if (await store.exists(node, options)) {
        target.present.push(node);
        return false;
      }
      return true;
    }
    if (isForeignLayerType(node.mediaType) && store.writer?.accepts.foreignLayers === "optional" && node.urls?.length) {
      target.present.push(node);
      return false;
    }
    const mountFrom = mountSources(store, node, planning);
    if (mountFrom.length > 0) target.blobs.push({ descriptor: node, present: "maybe", mountFrom });
    else if (
      store.repository !== undefined &&
      node.size <= ASK_FROM_BYTES &&
      !memory.holds(store.repository, node.digest)
    ) {
      target.blobs.push({ descriptor: node, present: "no", mountFrom });
    } else if (await store.exists(node, options)) target.present.push(node);
    else target.blobs.push({ descriptor: node, present: "no", mountFrom });
    return false;
  });
  return target;
}

/**
 * Finds out which names have to move and whether the root is there. Which question comes first is what the memory is
 * for: a name last seen at the root is asked for itself (the same push again costs one request), a root last seen here
 * is asked for before a new name (one question and one put).
 */
async function askNames(
  store: Store,
  wanted: readonly Destination[],
  planning: Planning,
): Promise<{ names: Target["names"]; complete: boolean }> {
  const { graph, memory, signal, sourceRepository } = planning;
  const root = graph.root;
  const repository = store.repository;
  const options = { signal };
  const isSource =
    repository !== undefined && sourceRepository !== undefined && sameRepository(repository, sourceRepository);
  const held = isSource || (repository !== undefined && memory.holds(repository, root.digest));

  let complete = isSource;
  const asked = new Map<Destination, boolean>();
  const ask = async (destination: Destination): Promise<void> => {
    const current = await currentDigest(store, destination, options);
    asked.set(destination, current === root.digest);
    if (current === root.digest) complete = true;
  };
  const tagged = wanted.filter((destination) => destination.tag !== undefined);
  const likely = (destination: Destination) =>
    repository === undefined || !held || isSource || memory.tagged(repository, destination.tag!) === root.digest;
  await Promise.all(tagged.filter(likely).map(ask));
  if (!complete) {
    complete = await store.exists(root, options);
    // The memory said that the root is here and was wrong: what else it said of this repository may be wrong too.
    if (!complete && held && repository !== undefined) memory.forget(repository, root.digest);
  }
  const names = wanted.map((destination) => ({
    destination,
    changed: destination.tag === undefined ? !complete : asked.get(destination) !== true,
  }));
  return { names, complete };
}

async function currentDigest(
  store: Store,
  destination: Destination,
  options: { signal: AbortSignal | undefined },
): Promise<Digest | undefined> {
  try {
    return (await store.resolve(destination.tag!, options)).digest;
  } catch (error) {
    if (
      GantryError.is(error) &&
      (error.code === "MANIFEST_UNKNOWN" || error.code === "NAME_UNKNOWN" || error.code === "NOT_FOUND")
    )
      return undefined;
    throw error;
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
