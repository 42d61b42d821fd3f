import { choosePlatform, overlayStore, type Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { filterPlatforms, materialise, openView, otherPlatforms } from "../images/index.js";
import { type Descriptor, type Digest, parsePlatform } from "../spec/index.js";
import { type Destination, type LocationMemory, type Plan, planCopy } from "../transfer/index.js";
import type { MoveOptions } from "./method-options.js";
import type { Opened } from "./open-store.js";

/** A destination, and the digest that its name was pinned to. */
export type PinnedDestination = Destination & { readonly pinned?: Digest | undefined };

/** What a move needs besides its options. */
export interface Moving {
  /** Set when the caller has asked what the source's name points at. */
  readonly root: Descriptor | undefined;
  readonly memory: LocationMemory;
  readonly concurrency: number | undefined;
}

/**
 * Opens the stores that names speak of, one for all names of one place, so that its content is planned once.
 *
 * @throws GantryError as opening does
 */
export async function openDestinations(
  names: readonly string[],
  open: (name: string) => Promise<Opened>,
): Promise<PinnedDestination[]> {
  const stores = new Map<string, Store>();
  const destinations: PinnedDestination[] = [];
  for (const text of new Set(names)) {
    const opened = await open(text);
    const store = stores.get(opened.store.location) ?? opened.store;
    stores.set(opened.store.location, store);
    const tag = opened.ref === undefined ? {} : { tag: opened.ref };
    destinations.push({ store, name: opened.name, pinned: opened.pinned, ...tag });
  }
  return destinations;
}

/** What a name points at; with a platform, that image of it. */
export async function resolveImage(
  opened: Opened,
  platform: string | undefined,
  signal: AbortSignal | undefined,
  willRead = false,
): Promise<Descriptor> {
  try {
    const root = await opened.store.resolve(opened.ref ?? "latest", { signal, willRead, suggest: true });
    return platform === undefined
      ? root
      : await choosePlatform(opened.store, root, parsePlatform(platform), { signal });
  } catch (error) {
    throw GantryError.is(error) ? error.with({ where: opened.name }) : error;
  }
}

/**
 * Plans the move of an image, or of some of its platforms, with what is attached to it.
 *
 * @throws GantryError with `side`
 */
export async function planMove(
  from: Opened,
  destinations: readonly PinnedDestination[],
  options: MoveOptions,
  moving: Moving,
): Promise<Plan> {
  const { platforms = [], sparse = false, attached = "auto", rollback, onEvent, signal } = options;
  if (sparse && platforms.length === 0) {
    throw new GantryError("USAGE", "a sparse copy needs to know which platforms it brings", {
      hint: "Add --platform OS/ARCH,….",
    });
  }
  // A copy inside one registry most often reads the manifest anyway: one request that brings it beats two.
  const within = from.store.repository;
  const willRead = within !== undefined && destinations.some(({ store }) => store.repository?.host === within.host);
  const root = moving.root ?? (await resolveImage(from, undefined, signal, willRead));
  const common = {
    memory: moving.memory,
    onEvent,
    signal,
    concurrency: moving.concurrency,
    sourceRepository: within,
    attachedFrom: { store: from.store, name: from.ref },
    attached,
    rollback,
  };
  if (platforms.length === 0) return planCopy(from.store, checkPinned(root, destinations), destinations, common);
  const wanted = platforms.map(parsePlatform);
  const fromSource = (error: unknown): never => {
    throw GantryError.is(error) ? error.with({ side: "source", where: from.name }) : error;
  };
  const whole = openView(from.store, root);
  if (sparse) {
    const others = await otherPlatforms(whole, wanted, { signal }).catch(fromSource);
    const leaveOut = ({ digest }: Descriptor): boolean => others.has(digest);
    return planCopy(from.store, checkPinned(root, destinations), destinations, { ...common, leaveOut });
  }
  const overlay = overlayStore({ location: from.store.location });
  // Whoever asks for attestations by name gets them of a single platform too, which takes an index.
  const keepIndex = attached === "all" || (typeof attached !== "string" && attached.includes("attestations"));
  const view = await filterPlatforms(whole, wanted, { signal, keepIndex }).catch(fromSource);
  const kept = await materialise(view, overlay, { signal });
  return planCopy(overlay, checkPinned(kept, destinations), destinations, common);
}

/** A destination that names a digest takes that content and no other. */
function checkPinned(root: Descriptor, destinations: readonly PinnedDestination[]): Descriptor {
  for (const { pinned, name } of destinations) {
    if (pinned === undefined || pinned === root.digest) continue;
    throw new GantryError("DIGEST_MISMATCH", `the content is ${root.digest}`, {
      side: "destination",
      where: name,
      hint: "Leave the digest out of the destination.",
    });
  }
  return root;
}
