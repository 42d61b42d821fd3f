import { availableParallelism } from "node:os";
import pLimit from "p-limit";
import { type ContentReader, overlayStore } from "../content/index.js";
import { GantryError } from "../errors.js";
import { annotate, createIndex, materialise, type ImageView } from "../images/index.js";
import { nearest, ANNOTATIONS, bareDescriptor, type Descriptor, type Platform, type StringMap } from "../spec/index.js";
import { openBase, publicName, type ResolvedBase } from "./base-image.js";
import type { BuildEvent } from "./build-events.js";
import { imageFrom } from "./image-from.js";
import { LayerBuilder } from "./layer-builder.js";
import type { LayerCache } from "./layer-cache.js";
import type { BuildPlan, ImagePlan } from "./plan.js";
import type { SourceReader } from "./read-source.js";

/** Options of {@link buildImages}. */
export interface BuildOptions {
  /** Finds a base by its name: once for each name, asked for all platforms. Not called for scratch. */
  readonly resolveBase: (name: string, options: { readonly signal: AbortSignal }) => Promise<ResolvedBase>;
  readonly cache: LayerCache;
  /** Names of images to build; all of the plan without it. */
  readonly targets?: readonly string[];
  /** Instead of what the plan says. */
  readonly platforms?: readonly Platform[];
  /** SOURCE_DATE_EPOCH, seconds since 1970: the time of everything that has one. 0 without it. */
  readonly sourceDateEpoch?: number;
  /** Layers at the same time; each compresses on all cores by itself. */
  readonly concurrency?: number;
  readonly onEvent?: (event: BuildEvent) => void;
  readonly signal?: AbortSignal | undefined;
  /** Reads sources; for tests that count. */
  readonly read?: SourceReader;
}

/** An image that was built: everything of it can be read from `store`, and nothing has a name yet. */
export interface BuiltImage {
  readonly name: string;
  /** A manifest for one platform, an index for several. */
  readonly root: Descriptor;
  readonly store: ContentReader;
  readonly tags: readonly string[];
  readonly platforms: readonly { readonly platform: Platform; readonly descriptor: Descriptor }[];
}

/**
 * Builds the images of a plan. The same plan, sources, bases and time give the same digests, on any machine and in any
 * order; layers that several platforms or images share are built once. Writes nothing but blobs into the cache's store.
 *
 * @throws GantryError NOT_FOUND for an unknown target, PLATFORM_NOT_FOUND, FILE_NOT_FOUND, SOURCE_CHANGED, UNSUPPORTED, and
 *   what the stores throw; the first failure stops the rest
 */
export async function buildImages(plan: BuildPlan, options: BuildOptions): Promise<readonly BuiltImage[]> {
  const images = chooseTargets(plan, options.targets);
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
  signal.throwIfAborted();
  const limit = pLimit(Math.max(1, options.concurrency ?? Math.min(4, availableParallelism())));
  const epoch = options.sourceDateEpoch ?? 0;
  if (!Number.isSafeInteger(epoch) || epoch < 0)
    throw new GantryError("USAGE", `SOURCE_DATE_EPOCH is seconds since 1970, not ${epoch}`);
  const layers = new LayerBuilder({
    cache: options.cache,
    directory: plan.directory,
    epoch,
    limit,
    signal,
    onEvent: options.onEvent,
    ...(options.read === undefined ? {} : { read: options.read }),
  });
  const bases = new Map<string, Promise<ResolvedBase>>();
  const resolveBase = (image: ImagePlan): Promise<ResolvedBase> | undefined => {
    if (image.base === undefined) return undefined;
    const known = bases.get(image.base);
    if (known !== undefined) return known;
    const found = options.resolveBase(image.base, { signal });
    bases.set(image.base, found);
    return found;
  };

  const work = images.map(async (image) => {
    try {
      return await buildImage(image);
    } catch (error) {
      // The others stop at their next byte; what they then say is only that they were stopped.
      const named = GantryError.is(error) ? error.with({ facts: { image: image.name } }) : error;
      if (!signal.aborted) stop.abort(named);
      throw named;
    }
  });
  const settled = await Promise.allSettled(work);
  options.signal?.throwIfAborted();
  stop.signal.throwIfAborted();
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));

  async function buildImage(image: ImagePlan): Promise<BuiltImage> {
    options.onEvent?.({ type: "image-started", image: image.name });
    const platforms = options.platforms?.length
      ? options.platforms
      : image.platforms.length
        ? image.platforms
        : [hostPlatform()];
    const base = await resolveBase(image);
    const created = new Date(epoch * 1000).toISOString().replace(".000Z", "Z");
    const views = await allOrNothing(
      platforms.map(async (platform): Promise<ImageView> => {
        const on = await openBase(image, base, platform, signal);
        const built = await layers.build(image, platform);
        return imageFrom(image, on, built, { created, store: options.cache.store });
      }),
    );
    const [only] = views;
    const several = views.length > 1;
    const view = !several && only !== undefined ? only : await indexOf(image, views, base);
    const overlay = overlayStore({ location: `build of ${image.name}` });
    const root = await materialise(view, overlay, { signal });
    const built = await Promise.all(
      views.map(async (one, i) => ({ platform: platforms[i]!, descriptor: await one.descriptor({ signal }) })),
    );
    options.onEvent?.({ type: "image-done", image: image.name, root });
    return { name: image.name, root: bareDescriptor(root), store: overlay, tags: image.tags, platforms: built };
  }

  async function indexOf(image: ImagePlan, views: readonly ImageView[], base: ResolvedBase | undefined) {
    const family = await views[0]!.family({ signal });
    const index = createIndex(views, { family });
    return family === "docker" ? index : annotate(index, { ...baseAnnotations(image, base), ...image.annotations });
  }
}

/** linux, and the architecture of this machine: there is no other place where the machine decides. */
export function hostPlatform(): Platform {
  const architecture = process.arch === "x64" ? "amd64" : process.arch === "ia32" ? "386" : process.arch;
  return architecture === "arm" ? { os: "linux", architecture, variant: "v7" } : { os: "linux", architecture };
}

/** On the index: the base as its name points at it, an index too as a rule. */
function baseAnnotations(image: ImagePlan, base: ResolvedBase | undefined): StringMap {
  if (base === undefined || image.base === undefined) return {};
  const name = publicName(image.base);
  return {
    [ANNOTATIONS.baseDigest]: base.descriptor.digest,
    ...(name === undefined ? {} : { [ANNOTATIONS.baseName]: name }),
  };
}

function chooseTargets(plan: BuildPlan, targets: readonly string[] | undefined): readonly ImagePlan[] {
  if (targets === undefined || targets.length === 0) return plan.images;
  const names = plan.images.map((image) => image.name);
  const unknown = [...new Set(targets)].filter((target) => !names.includes(target)).toSorted();
  if (unknown.length > 0) {
    const near = nearest(unknown[0]!, names);
    throw new GantryError("NOT_FOUND", `unknown targets: ${unknown.join(", ")}`, {
      hint:
        near !== undefined && unknown.length === 1 ? `Did you mean "${near}"?` : `The plan has ${names.join(", ")}.`,
    });
  }
  return plan.images.filter((image) => targets.includes(image.name));
}

/** Waits for all, so that nothing works on when the caller has an answer; then throws the first failure that says something. */
async function allOrNothing<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  const reasons = settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
  if (reasons.length > 0) throw reasons.find((reason) => GantryError.is(reason)) ?? reasons[0];
  return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}
