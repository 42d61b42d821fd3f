import pLimit from "p-limit";
import type { ContentReader, Placement } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, isIndex, parseDocument, type RepositoryName } from "../spec/index.js";
import type { EventListener } from "./events.js";
import { groupBy } from "./group.js";
import type { LocationMemory } from "./memory.js";
import type { Step } from "./plan.js";
import type { NeededBlob, Target } from "./plan-target.js";

/** What applying needs. */
export interface Applying {
  readonly memory: LocationMemory;
  readonly concurrency: number;
  readonly onEvent: EventListener | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Brings the content to every target and moves the names when all of it is everywhere. The first failure stops the
 * rest: nothing was named, so nothing is half published, and what was uploaded is found present the next time.
 */
export async function applyTargets(
  source: ContentReader,
  root: Descriptor,
  targets: readonly Target[],
  applying: Applying,
): Promise<readonly Step[]> {
  const stop = new AbortController();
  const signal = applying.signal === undefined ? stop.signal : AbortSignal.any([applying.signal, stop.signal]);
  const job = new Job(source, root, { ...applying, signal });
  try {
    await job.content(targets);
    await job.names(targets);
    return job.steps;
  } catch (error) {
    stop.abort(error);
    await job.settled();
    throw applying.signal?.aborted === true ? (applying.signal.reason ?? error) : error;
  }
}

class Job {
  readonly steps: Step[] = [];
  readonly #source: ContentReader;
  readonly #root: Descriptor;
  readonly #applying: Applying;
  readonly #running: Promise<unknown>[] = [];

  constructor(source: ContentReader, root: Descriptor, applying: Applying) {
    this.#source = source;
    this.#root = root;
    this.#applying = applying;
  }

  /** Resolves when nothing that was begun is running any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  async content(targets: readonly Target[]): Promise<void> {
    const limit = pLimit(this.#applying.concurrency);
    const work = placementsWanted(targets);
    const bytes = work.reduce((sum, { descriptor, groups }) => sum + descriptor.size * groups.flat().length, 0);
    this.#applying.onEvent?.({
      type: "start",
      blobs: work.reduce((sum, { groups }) => sum + groups.flat().length, 0),
      bytes,
    });
    for (const target of targets) {
      for (const descriptor of target.present)
        this.#step("skip", target, descriptor, { how: "present", bytes: 0, descriptor });
    }
    // The largest first: the last one to end decides how long it takes.
    const ordered = work.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
    await this.#all(ordered.flatMap(({ groups }) => groups.map((group) => limit(() => this.#placeGroup(group)))));
    await this.#all(targets.map((target) => this.#documents(target, limit, targets.length > 1)));
  }

  async names(targets: readonly Target[]): Promise<void> {
    await this.#all(targets.map((target) => this.#moveNames(target)));
  }

  /** One blob to the stores of one host, one after the other: what the first one took the others mount. */
  async #placeGroup(group: readonly Placing[]): Promise<void> {
    const places: RepositoryName[] = [];
    for (const { target, blob } of group) {
      this.#applying.signal?.throwIfAborted();
      await this.#placeBlob(target, blob, places);
      if (target.store.repository !== undefined) places.unshift(target.store.repository);
    }
  }

  async #placeBlob(
    target: Target,
    { descriptor, present, mountFrom }: NeededBlob,
    places: readonly RepositoryName[],
    lies = false,
  ): Promise<void> {
    const { onEvent, signal, memory } = this.#applying;
    const { store } = target;
    const destination = store.location;
    onEvent?.({ type: "blob-start", destination, descriptor });
    const put = (): Promise<Placement> =>
      store.writer!.putBlob(descriptor, this.#source.blob(descriptor), {
        signal,
        mountFrom: [...places, ...mountFrom],
        ...(lies ? { present: "ignore" as const } : present === "no" ? { present } : {}),
        onBytes: (count) => onEvent?.({ type: "bytes", destination, descriptor, count }),
      });
    let placement: Placement;
    try {
      placement = await put();
    } catch (error) {
      // Bytes that were wrong once may have been broken on their way: one fresh try (faults D06, D07).
      if (
        !GantryError.is(error) ||
        (error.code !== "DIGEST_MISMATCH" && error.code !== "SIZE_MISMATCH") ||
        signal?.aborted
      )
        throw toDestination(error, target);
      onEvent?.({ type: "retry", destination, reason: error.message });
      placement = await put().catch((again: unknown) => {
        throw toDestination(again, target);
      });
    }
    if (store.repository !== undefined) memory.remember(store.repository, descriptor);
    const how = lies && placement.how === "uploaded" ? { ...placement, how: "repaired" as const } : placement;
    this.#step(
      placement.how === "mounted" ? "mount" : placement.how === "present" ? "skip" : "upload",
      target,
      descriptor,
      how,
    );
    onEvent?.({ type: "blob-done", destination, descriptor, placement: how });
  }

  async #documents(target: Target, limit: ReturnType<typeof pLimit>, rootToo: boolean): Promise<void> {
    const isLast = (d: Descriptor) => d.digest === this.#root.digest;
    // With one store the root is put together with its first name, in one request.
    const named = target.names.some(({ destination }) => destination.tag !== undefined);
    const wanted = target.documents.filter((d) => !isLast(d) || rootToo || !named);
    const plain = wanted.filter((d) => !isIndex(d));
    await this.#all(plain.filter((d) => !isLast(d)).map((d) => limit(() => this.#putDocument(target, d, []))));
    // Indexes may nest, so one after the other, children first; the root is the last.
    for (const d of wanted.filter((w) => isIndex(w) || isLast(w))) await this.#putDocument(target, d, []);
  }

  async #moveNames(target: Target): Promise<void> {
    const { onEvent } = this.#applying;
    for (const { destination, changed } of target.names) {
      if (!changed || destination.tag === undefined) continue;
      await this.#putDocument(target, this.#root, [destination.tag]);
      onEvent?.({ type: "tagged", destination: target.store.location, name: destination.name, descriptor: this.#root });
    }
  }

  async #putDocument(target: Target, descriptor: Descriptor, tags: readonly string[]): Promise<void> {
    const { onEvent, signal, memory } = this.#applying;
    const { store } = target;
    signal?.throwIfAborted();
    const bytes = await this.#source.manifest(descriptor, { signal });
    const put = () => store.writer!.putManifest(bytes, descriptor, { signal, ...(tags.length > 0 ? { tags } : {}) });
    let placement: Placement;
    try {
      placement = await put();
    } catch (error) {
      if (!GantryError.is(error) || error.code !== "BLOB_UNKNOWN" || signal?.aborted)
        throw toDestination(error, target);
      // The registry had said "present" of something that it does not have (users-ask.md, rows 41 and 42).
      onEvent?.({ type: "retry", destination: store.location, reason: error.message });
      await this.#repair(target, descriptor, bytes, error);
      placement = await put().catch((again: unknown) => {
        throw toDestination(again, target);
      });
    }
    if (store.repository !== undefined) memory.remember(store.repository, descriptor, tags[0]);
    const isNew = target.documents.some((d) => d.digest === descriptor.digest);
    const counted = this.steps.some(
      (s) => s.action === "put" && s.descriptor.digest === descriptor.digest && s.destination === store.location,
    );
    if (isNew && !counted) {
      this.#step("put", target, descriptor, placement);
      onEvent?.({ type: "manifest-done", destination: store.location, descriptor });
    }
    for (const tag of tags) {
      const name = target.names.find(({ destination }) => destination.tag === tag)!.destination.name;
      this.steps.push({ action: "tag", destination: name, descriptor, bytes: 0, reason: "moved" });
    }
  }

  /** Sends again what the registry named, or else all blobs of the document, whatever it says of having them. */
  async #repair(target: Target, descriptor: Descriptor, bytes: Uint8Array, error: GantryError): Promise<void> {
    const document = parseDocument(bytes, descriptor.mediaType);
    if (document.kind === "index") {
      for (const child of document.value.manifests) {
        const below = await this.#source.manifest(child, { signal: this.#applying.signal });
        await this.#repair(target, child, below, error);
        await target.store.writer!.putManifest(below, child, { signal: this.#applying.signal });
      }
      return;
    }
    const said = String(error.facts?.["digests"] ?? "");
    const blobs = [document.value.config, ...document.value.layers];
    const missing = blobs.filter((blob) => said.includes(blob.digest));
    for (const blob of missing.length > 0 ? missing : blobs) {
      await this.#placeBlob(target, { descriptor: blob, present: "no", mountFrom: [] }, [], true);
    }
  }

  #step(action: Step["action"], target: Target, descriptor: Descriptor, placement: Placement): void {
    this.steps.push({
      action,
      destination: target.store.location,
      descriptor,
      bytes: placement.bytes,
      reason: placement.how,
      placement,
    });
  }

  async #all(work: readonly Promise<unknown>[]): Promise<void> {
    this.#running.push(...work);
    await Promise.all(work);
  }
}

interface Placing {
  readonly target: Target;
  readonly blob: NeededBlob;
}

/** For each blob the targets that need it, by host: a host's repositories can mount from one another. */
function placementsWanted(
  targets: readonly Target[],
): { descriptor: Descriptor; groups: readonly (readonly Placing[])[] }[] {
  const blobs = new Map<Digest, Placing[]>();
  for (const target of targets) {
    for (const blob of target.blobs) {
      const placings = blobs.get(blob.descriptor.digest) ?? [];
      blobs.set(blob.descriptor.digest, [...placings, { target, blob }]);
    }
  }
  return [...blobs.values()].map((placings) => ({
    descriptor: placings[0]!.blob.descriptor,
    groups: [...groupBy(placings, ({ target }) => target.store.repository?.host ?? target.store.location).values()],
  }));
}

function toDestination(error: unknown, target: Target): unknown {
  return GantryError.is(error)
    ? error.with({ side: "destination", where: target.names[0]?.destination.name ?? target.store.location })
    : error;
}
