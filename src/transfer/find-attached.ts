import pLimit from "p-limit";
import type { CallOptions, Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor, Digest } from "../spec/index.js";
import { type AttachedChoice, COSIGN_SUFFIXES, isChosen, isSuffixChosen } from "./attached-choice.js";
import { cosignTag, nameBeside } from "./attached-names.js";
import type { Graph } from "./graph.js";

/** Where to look for what is attached: the store that the image came from, and its name there. */
export interface AttachedPlace {
  readonly store: Store;
  readonly name?: string | undefined;
}

/** Something that belongs to a document: found by the subject that it names, or by cosign's tag. */
export interface Attached {
  readonly descriptor: Descriptor;
  readonly subject: Digest;
  /** cosign's tag, which it has to have at the destination too. */
  readonly tag?: string;
}

/** Options of {@link findAttached}. */
export interface FindOptions extends CallOptions {
  /** Told of a question that a registry refuses. Without it such a refusal is an error. */
  readonly onRefused?: ((error: GantryError) => void) | undefined;
}

/** What an image may have attached; a list without end would fill memory (CVE-2024-29903, CVE-2023-33957). */
const MAX_ATTACHED = 10_000;
/** So many names are looked through; where there are more, cosign's are asked for one by one. */
const MAX_NAMES = 1_000;
const AT_ONCE = 8;

/**
 * Everything that is attached to the documents of a graph, and to what is attached to them: referrers (by the API or
 * its fallback tag, as the store does it) and what lies under cosign's tags. What was found stands before what is
 * attached to it, each once, however the references run in circles.
 *
 * A registry is asked one list of referrers a document, and one list of tags; where that does not hold all tags, three
 * HEADs a document.
 *
 * @throws GantryError TOO_LARGE; UNAUTHORIZED, DENIED and others: never "none" for a question that failed
 */
export async function findAttached(
  graph: Graph,
  { store, name }: AttachedPlace,
  choice: AttachedChoice,
  options: FindOptions = {},
): Promise<readonly Attached[]> {
  if (choice === "none") return [];
  const { signal, onRefused } = options;
  const limit = pLimit(AT_ONCE);
  const found = new Map<string, Attached>();
  const asked = new Set<Digest>();
  const own = new Set((await graph.documents()).map(({ digest }) => digest));
  const names = namesOf(store, signal);
  // Awaited with the first question; when that fails before, nobody else listens.
  names.catch(() => undefined);

  // What belongs to something that was chosen comes along, whatever its type: a chosen SBOM without its signature is half.
  let chosen = choice;
  let subjects = await graph.documents();
  while (subjects.length > 0) {
    const wanted = chosen;
    const fresh = subjects.filter(({ digest }) => !asked.has(digest));
    for (const { digest } of fresh) asked.add(digest);
    const answers = await Promise.all(fresh.map((subject) => limit(() => attachedTo(subject, wanted))));
    const added: Attached[] = [];
    for (const attached of answers.flat()) {
      const key = `${attached.descriptor.digest} ${attached.tag ?? ""}`;
      if (found.has(key) || own.has(attached.descriptor.digest)) continue;
      found.set(key, attached);
      added.push(attached);
      checkCount(found.size);
    }
    chosen = "all";
    // One that cannot be read now is missed when it is sent; what hangs below it is then out of reach.
    const documents = await Promise.all(
      added.map(({ descriptor }) => limit(() => graph.documents(descriptor).catch(() => [descriptor]))),
    );
    subjects = documents.flat();
  }
  return [...found.values()];

  async function attachedTo(subject: Descriptor, wanted: AttachedChoice): Promise<Attached[]> {
    const [referrers, tagged] = await Promise.all([listReferrers(subject, wanted), underTags(subject, wanted)]);
    return [...referrers, ...tagged];
  }

  async function listReferrers(subject: Descriptor, wanted: AttachedChoice): Promise<Attached[]> {
    const all: Attached[] = [];
    try {
      for await (const { mediaType, digest, size, ...said } of store.referrers?.list(subject, { signal }) ?? []) {
        checkCount(found.size + all.length + 1);
        if (isChosen(wanted, { mediaType, digest, size, ...said }))
          all.push({ descriptor: { mediaType, digest, size }, subject: subject.digest });
      }
    } catch (error) {
      if (onRefused === undefined || !isRefusal(error)) throw error;
      onRefused(error);
    }
    return all;
  }

  async function underTags(subject: Descriptor, wanted: AttachedChoice): Promise<Attached[]> {
    const suffixes = COSIGN_SUFFIXES.filter((suffix) => isSuffixChosen(wanted, suffix));
    const there = await names;
    const all = await Promise.all(
      suffixes.map(async (suffix): Promise<Attached | undefined> => {
        const tag = cosignTag(subject.digest, suffix);
        const called = nameBeside(store, name, tag);
        if (there !== undefined && !there.has(called)) return undefined;
        const descriptor = await store.resolve(called, { signal }).catch((error: unknown) => {
          if (isAbsent(error)) return undefined;
          if (onRefused === undefined || !isRefusal(error)) throw error;
          onRefused(error);
          return undefined;
        });
        return descriptor === undefined ? undefined : { descriptor, subject: subject.digest, tag };
      }),
    );
    return all.filter((each) => each !== undefined);
  }
}

/** All names of a store; undefined where there are too many, or nobody tells. */
async function namesOf(store: Store, signal: AbortSignal | undefined): Promise<ReadonlySet<string> | undefined> {
  // Elsewhere a name costs no request.
  if (store.repository === undefined || store.tags === undefined) return undefined;
  const names = new Set<string>();
  try {
    for await (const name of store.tags.list({ signal })) {
      names.add(name);
      if (names.size >= MAX_NAMES) return undefined;
    }
    return names;
  } catch {
    // The right to pull need not be one to list (ECR). A registry that is gone says so again when it is asked by name.
    signal?.throwIfAborted();
    return undefined;
  }
}

function checkCount(count: number): void {
  if (count <= MAX_ATTACHED) return;
  throw new GantryError("TOO_LARGE", `more than ${MAX_ATTACHED} signatures, attestations and the like are attached`, {
    side: "source",
    hint: "Choose some with --attached TYPE, or leave them with --attached none.",
  });
}

const ABSENT: readonly string[] = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"];

const isAbsent = (error: unknown): boolean => GantryError.is(error) && ABSENT.includes(error.code);

/** The registry understood and says no, today and tomorrow. What may pass by itself is no refusal. */
function isRefusal(error: unknown): error is GantryError {
  if (!GantryError.is(error) || error.registry === undefined) return false;
  const { status } = error.registry;
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}
