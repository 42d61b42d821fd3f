import type { ContentReader } from "../content/index.js";
import { GantryError, type Side } from "../errors.js";
import type { Descriptor, RepositoryName } from "../spec/index.js";
import { applyTargets } from "./apply.js";
import type { EventListener } from "./events.js";
import { Graph } from "./graph.js";
import { groupBy } from "./group.js";
import { type LocationMemory, processMemory } from "./memory.js";
import type { Destination, DestinationReport, Plan, Report, Step } from "./plan.js";
import { planTarget, type Target } from "./plan-target.js";
import { totalsOf } from "./totals.js";

/** Options of {@link planCopy}. */
export interface CopyOptions {
  /** Set when the source is a repository of a registry: a copy inside it has all its content in place. */
  readonly sourceRepository?: RepositoryName | undefined;
  readonly memory?: LocationMemory | undefined;
  /** Blobs on their way at once. */
  readonly concurrency?: number | undefined;
  readonly onEvent?: EventListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Enough to fill a line with small layers; few enough for registries that count connections. */
export const DEFAULT_CONCURRENCY = 6;

/**
 * Plans to bring everything that `root` reaches to every destination and to point their names at it. Asks the
 * destinations what they hold; writes nothing.
 *
 * @throws GantryError with `side`, of the store that could not answer
 */
export async function planCopy(
  from: ContentReader,
  root: Descriptor,
  destinations: readonly Destination[],
  options: CopyOptions = {},
): Promise<Plan> {
  const { signal, onEvent, memory = processMemory() } = options;
  if (destinations.length === 0) throw new GantryError("USAGE", "a copy needs at least one destination");
  const source = named(from);
  const graph = new Graph(source, root, { signal });
  let known = 0;
  const planning = {
    graph,
    source,
    memory,
    signal,
    sourceRepository: options.sourceRepository,
    onKnown: () => onEvent?.({ type: "planning", known: ++known }),
  };
  const stores = groupBy(destinations, (destination) => destination.store);
  const targets = await Promise.all(
    [...stores].map(([store, wanted]) =>
      planTarget(store, wanted, planning).catch((error: unknown) => {
        throw sided(error, "destination", wanted[0]!.name);
      }),
    ),
  );
  const steps = targets.flatMap((target) => stepsOf(target, root));
  const reports = reportDestinations(targets, root, "planned");
  const draft = { root, steps, totals: totalsOf(steps), destinations: reports };
  return {
    ...draft,
    report: () => reportOf(root, reports, steps, 0),
    async apply({ onEvent: listener = onEvent, signal: applySignal = signal } = {}): Promise<Report> {
      const started = performance.now();
      const done = await applyTargets(source, root, targets, {
        memory,
        concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
        onEvent: listener,
        signal: applySignal,
      });
      await memory.save();
      return reportOf(root, reportDestinations(targets, root, "done"), done, (performance.now() - started) / 1000);
    },
  };
}

function stepsOf(target: Target, root: Descriptor): Step[] {
  const destination = target.store.location;
  return [
    ...target.present.map(
      (descriptor): Step => ({ action: "skip", destination, descriptor, bytes: 0, reason: "it is there" }),
    ),
    ...target.blobs.map(
      ({ descriptor, mountFrom }): Step =>
        mountFrom[0] === undefined
          ? { action: "upload", destination, descriptor, bytes: descriptor.size, reason: "it is missing" }
          : {
              action: "mount",
              destination,
              descriptor,
              bytes: 0,
              reason: `it is in ${mountFrom[0].host}/${mountFrom[0].repository}`,
            },
    ),
    ...target.documents.map(
      (descriptor): Step => ({
        action: "put",
        destination,
        descriptor,
        bytes: descriptor.size,
        reason: "it is missing",
      }),
    ),
    ...target.names
      .filter(({ changed, destination: { tag } }) => changed && tag !== undefined)
      .map(
        ({ destination: { name } }): Step => ({
          action: "tag",
          destination: name,
          descriptor: root,
          bytes: 0,
          reason: "it points elsewhere or nowhere",
        }),
      ),
  ];
}

function reportDestinations(
  targets: readonly Target[],
  root: Descriptor,
  status: DestinationReport["status"],
): DestinationReport[] {
  return targets.flatMap(({ names }) =>
    names.map(({ destination, changed }) => ({ name: destination.name, digest: root.digest, status, changed })),
  );
}

function reportOf(
  root: Descriptor,
  destinations: readonly DestinationReport[],
  steps: readonly Step[],
  seconds: number,
): Report {
  return {
    digest: root.digest,
    mediaType: root.mediaType,
    size: root.size,
    destinations,
    totals: totalsOf(steps),
    steps,
    seconds,
  };
}

/** The source, with every error of it saying so. */
function named(source: ContentReader): ContentReader {
  const fail = (error: unknown): never => {
    throw sided(error, "source");
  };
  return {
    resolve: (name, options) => source.resolve(name, options).catch(fail),
    manifest: (descriptor, options) => source.manifest(descriptor, options).catch(fail),
    exists: (descriptor, options) => source.exists(descriptor, options).catch(fail),
    locations: (descriptor) => source.locations?.(descriptor) ?? [],
    blob(descriptor) {
      const body = source.blob(descriptor);
      return {
        size: body.size,
        async *open(options) {
          try {
            yield* body.open(options);
          } catch (error) {
            fail(error);
          }
        },
      };
    },
  };
}

function sided(error: unknown, side: Side, where?: string): unknown {
  return GantryError.is(error) ? error.with({ side, where }) : error;
}
