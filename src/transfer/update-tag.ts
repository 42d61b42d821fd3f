import { setTimeout as sleep } from "node:timers/promises";
import type { CallOptions, Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import type { Descriptor } from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import { whatIs } from "./what-is.js";

/** What a tag points at, with its bytes. */
export interface CurrentTag {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** What a tag is to point at. */
export interface NewRoot {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/**
 * Makes the new document from the one that is there; undefined for a tag that does not exist, and as an answer when
 * nothing has to change. Called again whenever somebody else was faster, so it adds to what it is given, and answers
 * undefined, or the same bytes, when its change is in there.
 */
export type TagEdit = (current: CurrentTag | undefined) => NewRoot | undefined | Promise<NewRoot | undefined>;

/** What {@link updateTag} did. */
export interface TagUpdate {
  readonly before: Descriptor | undefined;
  /** Undefined when the tag did not exist and the edit wants nothing. */
  readonly after: Descriptor | undefined;
  /** How often the tag was written; 0: there was nothing to change. */
  readonly writes: number;
}

/** How often others may come between; each round one of the writers gets through. */
const MAX_ROUNDS = 100;
const MIN_SETTLE_MS = 25;
const MAX_SETTLE_MS = 1_000;

/**
 * Changes what a tag points at without losing what others do to it at the same time: reads, edits, writes only while the
 * tag is what was read, and else starts again. What the new document names has to be in the store before.
 *
 * In a store that decides the comparison itself (`writer.swaps`: layouts, memory) that is all. A registry may look at
 * `If-Match` or not, and no answer tells: so the tag is looked up just before it is written, and again after a pause of
 * at least twice as long as a write took; a change that is not there any more is made again. What remains: a writer
 * whose request takes longer than that pause between its look and its write, at a registry that ignores `If-Match`.
 *
 * @throws GantryError CONFLICT when others kept changing the tag
 */
export async function updateTag(
  store: Store,
  tag: string,
  edit: TagEdit,
  options: CallOptions = {},
): Promise<TagUpdate> {
  const { signal } = options;
  if (store.writer === undefined)
    throw new GantryError("UNSUPPORTED", "this place cannot be written to", { where: store.location });
  let before: Descriptor | undefined;
  let writes = 0;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // Who was late waits a little, a different while for each, so that two do not run side by side for ever.
    if (round > 0) await sleep(Math.random() * Math.min(20 * round, 500), undefined, { signal });
    const current = await read(store, tag, options);
    if (round === 0) before = current?.descriptor;
    const next = await edit(current);
    if (next === undefined) return { before, after: current?.descriptor, writes };
    const after = { mediaType: next.mediaType, digest: digestOf(next.bytes), size: next.bytes.byteLength };
    if (after.digest === current?.descriptor.digest) return { before, after, writes };
    const started = performance.now();
    try {
      await store.writer.putManifest(next.bytes, after, {
        tags: [tag],
        ifMatch: current?.descriptor.digest ?? "",
        signal,
      });
    } catch (error) {
      if (GantryError.is(error) && error.code === "CONFLICT") continue;
      throw error;
    }
    writes += 1;
    if (store.writer.swaps === true) return { before, after, writes };
    const took = performance.now() - started;
    const settle = Math.min(MAX_SETTLE_MS, Math.max(MIN_SETTLE_MS, 2 * took)) * (1 + Math.random());
    await sleep(settle, undefined, { signal });
    if ((await whatIs(store, tag, options))?.digest === after.digest) return { before, after, writes };
  }
  throw new GantryError("CONFLICT", "others kept changing the tag", {
    where: `${store.location}:${tag}`,
    hint: "Try again when fewer write to it.",
  });
}

async function read(store: Store, tag: string, { signal }: CallOptions): Promise<CurrentTag | undefined> {
  const descriptor = await whatIs(store, tag, { signal, willRead: true });
  if (descriptor === undefined) return undefined;
  try {
    return { descriptor, bytes: await store.manifest(descriptor, { signal }) };
  } catch (error) {
    // Moved and removed in between.
    if (GantryError.is(error) && error.code === "MANIFEST_UNKNOWN") return undefined;
    throw error;
  }
}
