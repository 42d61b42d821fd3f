import { resolve } from "node:path";
import {
  type BuildEvent,
  buildImages as buildPlan,
  parsePlan,
  type PlanInput,
  readPlanFile,
  recordLayerCache,
} from "../build/index.js";
import { GantryError } from "../errors.js";
import { formatReference, parseImageName, parsePlatform, parseReference, withDefaultTag } from "../spec/index.js";
import type { LocalStore } from "../stores/local/index.js";
import { type Destination, type LocationMemory, type Plan, planCopy, type TransferEvent } from "../transfer/index.js";
import type { Opened } from "./open-store.js";

/** What happens while something is built or moved. */
export type GantryEvent = TransferEvent | { readonly type: "build"; readonly event: BuildEvent };

/** Options of `build`. */
export interface BuildOptions {
  /** The plan file. Default: `gantry.yaml` in the working directory. */
  readonly file?: string;
  /** A plan as a value, instead of a file; its paths are relative to the working directory. */
  readonly plan?: PlanInput;
  /** Names of images; all of the plan without any. */
  readonly targets?: readonly string[];
  /** Instead of the plan's. */
  readonly platforms?: readonly string[];
  /** Names beside those of the plan. */
  readonly tags?: readonly string[];
  /** `NAME=VALUE`, stronger than the plan's own. */
  readonly vars?: readonly string[];
  /** Publish under all names. Without it images go to gantry's own store. */
  readonly push?: boolean;
  readonly onEvent?: (event: GantryEvent) => void;
  readonly signal?: AbortSignal | undefined;
}

/** An image that was built, and the plan that gives it its names. */
export interface BuiltImage {
  readonly name: string;
  readonly plan: Plan;
  /** Layers that were made, and that were found in the cache. */
  readonly layersBuilt: number;
  readonly layersCached: number;
  readonly warnings: readonly string[];
}

/** The outcome of a build. */
export interface Build {
  readonly images: readonly BuiltImage[];
}

/** What a build needs of its `Gantry`. */
export interface Building {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly local: LocalStore;
  readonly memory: LocationMemory;
  readonly concurrency: number | undefined;
  open(name: string, side: "source" | "destination", write?: boolean): Promise<Opened>;
}

/** Builds the layers of a plan's images, and plans where the images go. */
export async function buildImages(options: BuildOptions, building: Building): Promise<Build> {
  const { signal, onEvent, tags = [], push = false } = options;
  const { local, env } = building;
  const plan = await readPlan(options, building);
  const counts = new Map<string, { built: number; cached: number; warnings: string[] }>();
  const built = await buildPlan(plan, {
    cache: recordLayerCache(local.store, local.cache),
    targets: options.targets ?? [],
    platforms: (options.platforms ?? []).map(parsePlatform),
    sourceDateEpoch: readEpoch(env["SOURCE_DATE_EPOCH"]),
    signal,
    ...(building.concurrency === undefined ? {} : { concurrency: building.concurrency }),
    onEvent(event) {
      count(counts, event);
      onEvent?.({ type: "build", event });
    },
    async resolveBase(name, { signal: baseSignal }) {
      const opened = await building.open(name, "source", false);
      try {
        return {
          store: opened.store,
          descriptor: await opened.store.resolve(opened.ref ?? "", { signal: baseSignal }),
        };
      } catch (error) {
        throw baseError(error, opened.name);
      }
    },
  });
  if (tags.length > 0 && built.length > 1) {
    throw new GantryError("USAGE", "a tag (-t) names one image, and the plan builds several", {
      hint: "Name the image to build, or write tags into the plan.",
    });
  }
  const images: BuiltImage[] = [];
  for (const image of built) {
    const destinations = await destinationsOf([...image.tags, ...tags], image.name, push, building);
    const copy = await planCopy(image.store, image.root, destinations, {
      memory: building.memory,
      concurrency: building.concurrency,
      onEvent,
      signal,
    });
    const { built: layersBuilt = 0, cached = 0, warnings = [] } = counts.get(image.name) ?? {};
    images.push({ name: image.name, plan: copy, layersBuilt, layersCached: cached, warnings });
  }
  return { images };
}

/** What a store says of a name means little to somebody who only wrote `base:`. */
function baseError(error: unknown, name: string): unknown {
  if (!GantryError.is(error)) return error;
  const { code, message, registry, hint, facts, cause } = error;
  return new GantryError(code, `the base cannot be had: ${message}`, {
    where: name,
    registry,
    hint,
    facts,
    cause: cause ?? error,
  });
}

async function readPlan(options: BuildOptions, { env, cwd }: Building) {
  const vars = Object.fromEntries((options.vars ?? []).map(readVariable));
  const environment = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  if (options.plan !== undefined) return parsePlan(options.plan, { directory: cwd, vars, environment });
  const file = options.file ?? "gantry.yaml";
  return readPlanFile(resolve(cwd, file), { vars, environment, file });
}

function readVariable(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals <= 0)
    throw new GantryError("USAGE", `invalid variable ${JSON.stringify(text)}`, { hint: "Write --var NAME=VALUE." });
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** https://reproducible-builds.org/specs/source-date-epoch/: anything but a whole number is an error, not a default. */
function readEpoch(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  if (!/^\d{1,12}$/.test(text))
    throw new GantryError("USAGE", `invalid SOURCE_DATE_EPOCH ${JSON.stringify(text)}`, {
      hint: "It is seconds since 1970.",
    });
  return Number(text);
}

/**
 * Where a built image goes: with `push` to its names as they are, else to the same names in gantry's own store. An image
 * without any name is kept there under the plan's name for it.
 */
async function destinationsOf(
  names: readonly string[],
  image: string,
  push: boolean,
  building: Building,
): Promise<Destination[]> {
  if (push && names.length === 0)
    throw new GantryError("USAGE", `image ${JSON.stringify(image)} has no names to push to`, {
      hint: "Write tags into the plan, or give -t NAME.",
    });
  const wanted = names.length > 0 ? names : [image];
  const destinations: Destination[] = [];
  const stores = new Map<string, Destination["store"]>();
  for (const text of new Set(wanted.map((name) => (push ? name : localName(name))))) {
    const opened = await building.open(text, "destination");
    const store = stores.get(opened.store.location) ?? opened.store;
    stores.set(opened.store.location, store);
    destinations.push({ store, name: opened.name, ...(opened.ref === undefined ? {} : { tag: opened.ref }) });
  }
  return destinations;
}

/** A registry's name becomes one of gantry's own store; a layout's or another transport's stays what it is. */
function localName(name: string): string {
  const parsed = parseImageName(name);
  return parsed.transport === "docker"
    ? `local:${formatReference(withDefaultTag(parseReference(name.replace(/^docker:\/\//, ""))))}`
    : name;
}

function count(counts: Map<string, { built: number; cached: number; warnings: string[] }>, event: BuildEvent): void {
  const entry = counts.get(event.image) ?? { built: 0, cached: 0, warnings: [] };
  counts.set(event.image, entry);
  if (event.type === "layer-done") {
    if (event.how === "built") entry.built += 1;
    else if (event.how !== "shared") entry.cached += 1;
  } else if (event.type === "warning") entry.warnings.push(event.message);
}
