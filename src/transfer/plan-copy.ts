import type { ContentReader } from "../content/index.js";
import { GantryError, type Side } from "../errors.js";
import type { Descriptor, Digest, RepositoryName } from "../spec/index.js";
import { type Applied, applyTargets } from "./apply.js";
import type { AttachedChoice } from "./attached-choice.js";
import type { EventListener } from "./events.js";
import { type Attached, type AttachedPlace, findAttached } from "./find-attached.js";
import { Graph } from "./graph.js";
import { groupBy } from "./group.js";
import { type LocationMemory, processMemory } from "./memory.js";
import type { Destination, DestinationReport, Plan, Report, Step } from "./plan.js";
import type { Planning } from "./planning.js";
import { type Asked, askNames, planTarget, type Target } from "./plan-target.js";
import { totalsOf } from "./totals.js";
import { TransferFailed } from "./transfer-failed.js";

/** Options of {@link planCopy}. */
export interface CopyOptions {
  /** Set when the source is a repository of a registry: a copy inside it has all its content in place. */
  readonly sourceRepository?: RepositoryName | undefined;
  /** Where to look for signatures and all else that belongs to the image; without it nothing but the image is copied. */
  readonly attachedFrom?: AttachedPlace | undefined;
  /** What of it comes along. Default "auto". */
  readonly attached?: AttachedChoice | undefined;
  /** Children of indexes that are not copied, though the indexes name them; the registry has to accept that. */
  readonly leaveOut?: ((child: Descriptor) => boolean) | undefined;
  /** Put names back that were moved when another one could not be. Default true. */
  readonly rollback?: boolean | undefined;
  readonly memory?: LocationMemory | undefined;
  /** Blobs on their way at once. */
  readonly concurrency?: number | undefined;
  readonly onEvent?: EventListener | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Enough to fill a line with small layers; few enough for registries that count connections. */
export const DEFAULT_CONCURRENCY = 6;

/**
 * Plans to bring everything that `root` reaches, and what is attached to it, to every destination and to point their
 * names at it. Asks the destinations what they hold; writes nothing.
 *
 * @throws GantryError with `side`, of the store that could not answer
 */
export async function planCopy(
  from: ContentReader,
  root: Descriptor,
  destinations: readonly Destination[],
  options: CopyOptions = {},
): Promise<Plan> {
  const { signal, onEvent, memory = processMemory(), attachedFrom, leaveOut } = options;
  if (destinations.length === 0) throw new GantryError("USAGE", "a copy needs at least one destination");
  const source = named(
    attachedFrom === undefined || attachedFrom.store === from ? from : both(from, attachedFrom.store),
  );
  const graph = new Graph(source, root, { signal, leaveOut });
  let known = 0;
  const planning: Planning = {
    graph,
    source,
    memory,
    signal,
    sourceRepository: options.sourceRepository,
    isSparse: leaveOut !== undefined,
    onKnown: () => onEvent?.({ type: "planning", known: ++known }),
    onWarning: (message) => onEvent?.({ type: "warning", message }),
  };
  const stores = [...groupBy(destinations, (destination) => destination.store)];
  const at = <T>(work: Promise<T>, wanted: readonly Destination[]): Promise<T> =>
    work.catch((error: unknown) => {
      throw sided(error, "destination", wanted[0]!.name);
    });
  const asked = await Promise.all(stores.map(([store, wanted]) => at(askNames(store, wanted, planning), wanted)));
  const attached = await attachedTo(asked, planning, options);
  const targets = await Promise.all(
    stores.map(([store, wanted], index) => at(planTarget(store, asked[index]!, attached, planning), wanted)),
  );
  const steps = targets.flatMap(stepsOf);
  const reports = targets.flatMap(({ names }) =>
    names.map(({ destination: { name }, changed }): DestinationReport => {
      return { name, digest: root.digest, status: "planned", changed };
    }),
  );
  return {
    root,
    steps,
    totals: totalsOf(steps),
    destinations: reports,
    report: () => reportOf(root, reports, steps, 0),
    async apply({ onEvent: listener = onEvent, signal: applySignal = signal } = {}): Promise<Report> {
      const started = performance.now();
      const applied = await applyTargets(targets, {
        source,
        root,
        graph,
        memory,
        concurrency: options.concurrency ?? DEFAULT_CONCURRENCY,
        rollback: options.rollback ?? true,
        onEvent: listener,
        signal: applySignal,
      });
      await memory.save();
      const seconds = (performance.now() - started) / 1000;
      const report = reportOf(
        root,
        targets.flatMap((target) => fared(target, root, applied)),
        applied.steps,
        seconds,
      );
      if (applied.error === undefined) return report;
      if (GantryError.is(applied.error)) throw new TransferFailed(applied.error, report);
      // An interruption: the caller's own reason, which no report is added to.
      throw applied.error as Error;
    },
  };
}

/**
 * What is attached. A question to a registry costs a request, so by default it is asked only when the image itself has
 * to be sent to somewhere: the same copy again stays as cheap as it was. Elsewhere looking is free.
 */
async function attachedTo(
  asked: readonly Asked[],
  planning: Planning,
  { attachedFrom, attached = "auto" }: CopyOptions,
): Promise<readonly Attached[]> {
  if (attachedFrom === undefined || asked.every(({ isSource }) => isSource)) return [];
  const isAuto = attached === "auto";
  if (isAuto && attachedFrom.store.repository !== undefined && asked.every(({ complete }) => complete)) return [];
  const onRefused = (error: GantryError): void =>
    planning.onWarning(`the registry does not tell what is attached to the image: ${error.message}`);
  try {
    return await findAttached(planning.graph, attachedFrom, attached, {
      signal: planning.signal,
      ...(isAuto ? { onRefused } : {}),
    });
  } catch (error) {
    throw GantryError.is(error)
      ? error.with({ side: "source", hint: "To copy the image alone, add --attached none." })
      : error;
  }
}

/** How the names of a target fared. */
function fared(target: Target, root: Descriptor, { names, failed, error }: Applied): DestinationReport[] {
  const own = failed.get(target);
  // What the source did not give is missing everywhere.
  const common = GantryError.is(error) && (failed.size === 0 || error.side === "source") ? error : undefined;
  return target.names.map(({ destination: { name }, changed }): DestinationReport => {
    const base = { name, digest: root.digest, changed };
    if (error === undefined) return { ...base, status: "done" };
    const outcome = names.get(name);
    const note = outcome?.note === undefined ? {} : { note: outcome.note };
    if (outcome?.moved === true) return { ...base, status: "done", ...note };
    // Where names were moving already, one that did not come to it has not failed.
    const why = names.size > 0 ? outcome?.error : (own ?? common);
    if (why === undefined) return { ...base, status: "planned", ...note };
    return { ...base, status: "failed", ...note, error: why };
  });
}

function stepsOf(target: Target): Step[] {
  const destination = target.store.location;
  const step = (
    action: Step["action"],
    descriptor: Descriptor,
    bytes: number,
    why: string,
    where = destination,
  ): Step => {
    const to = target.attachedTo.get(descriptor.digest);
    return to === undefined
      ? { action, destination: where, descriptor, bytes, reason: why }
      : {
          action,
          destination: where,
          descriptor,
          bytes,
          reason: `${why}; it is attached to ${short(to)}`,
          attachedTo: to,
        };
  };
  return [
    ...target.present.map((descriptor) => step("skip", descriptor, 0, "it is there")),
    ...target.blobs.map(({ descriptor, mountFrom: [place] }) =>
      place === undefined
        ? step("upload", descriptor, descriptor.size, "it is missing")
        : step("mount", descriptor, 0, `it is in ${place.host}/${place.repository}`),
    ),
    ...[...target.documents, ...target.attachedDocuments].map((descriptor) =>
      step("put", descriptor, descriptor.size, "it is missing"),
    ),
    ...[...target.attachedNames, ...target.names]
      .filter(({ changed, destination: { tag } }) => changed && tag !== undefined)
      .map(({ descriptor, destination: { name } }) =>
        step("tag", descriptor, 0, "it points elsewhere or nowhere", name),
      ),
  ];
}

const short = (digest: Digest): string => digest.slice(0, 19);

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

/** What the image is read from, and beside it where its signatures lie. */
function both(from: ContentReader, attached: ContentReader): ContentReader {
  const isUnknown = (error: unknown): boolean =>
    GantryError.is(error) && (error.code === "MANIFEST_UNKNOWN" || error.code === "BLOB_UNKNOWN");
  return {
    resolve: (name, options) => from.resolve(name, options),
    manifest: (descriptor, options) =>
      from.manifest(descriptor, options).catch((error: unknown) => {
        if (!isUnknown(error)) throw error;
        return attached.manifest(descriptor, options);
      }),
    exists: async (descriptor, options) =>
      (await from.exists(descriptor, options)) || (await attached.exists(descriptor, options)),
    locations: (descriptor) => [...(from.locations?.(descriptor) ?? []), ...(attached.locations?.(descriptor) ?? [])],
    blob(descriptor) {
      const body = from.blob(descriptor);
      return {
        size: body.size,
        async *open(options) {
          let begun = false;
          try {
            for await (const chunk of body.open(options)) {
              begun = true;
              yield chunk;
            }
          } catch (error) {
            if (begun || !isUnknown(error)) throw error;
            yield* attached.blob(descriptor).open(options);
          }
        },
      };
    },
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
