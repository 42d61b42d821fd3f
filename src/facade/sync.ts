import { setMaxListeners } from "node:events";
import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { GantryError } from "../errors.js";
import { staticCredentials } from "../net/index.js";
import { type Descriptor, isDigest, isTag } from "../spec/index.js";
import type { RegistryHost } from "../stores/registry/index.js";
import {
  compilePattern,
  compileTagRules,
  fileState,
  processState,
  readSyncFile,
  type RegistryAccess,
  runSync,
  type SyncEvent,
  type SyncJob,
  type SyncReport,
  type SyncRule,
} from "../sync/index.js";
import type { AttachedChoice, Destination, EventListener, LocationMemory, Plan } from "../transfer/index.js";
import type { Hosts } from "./hosts.js";
import type { Opened } from "./open-store.js";
import type { Places, SideOptions } from "./options.js";
import { SyncDestination } from "./sync-destination.js";
import { type SyncSource, syncSources } from "./sync-source.js";

/** Options of `sync`. */
export interface SyncRequest {
  /** Where to, for all that a file does not give a destination of its own. */
  readonly destination?: string;
  /**
   * How names are made below `destination`: "last", the last part of the source's repository (as `skopeo sync`);
   * "scoped", its whole name; "exact", `destination` is the repository itself. Default "last".
   */
  readonly mode?: "last" | "scoped" | "exact";
  /** Put behind every tag. */
  readonly suffix?: string;
  /** Of a SOURCE, not of a file: exactly these tags or digests. */
  readonly names?: readonly string[];
  /** Of a SOURCE, not of a file: tags that match one of these, and none of those. Regular expressions. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  readonly glob?: readonly string[];
  readonly semver?: string;
  readonly newest?: number;
  /** Regular expressions: tags that never move once they are there. Beside those of a file. */
  readonly immutable?: readonly string[];
  /** Remove what left the source. */
  readonly delete?: boolean;
  /** Even where a source has no tags left at all. */
  readonly deleteAll?: boolean;
  readonly platforms?: readonly string[];
  readonly attached?: AttachedChoice;
  /** Images at once. */
  readonly concurrency?: number;
  readonly dryRun?: boolean;
  /** Ask every destination, whatever earlier runs saw. */
  readonly verify?: boolean;
  /** Seconds after which a destination is asked again. Default: a day. */
  readonly verifyAfter?: number;
  /** End at the first failure. */
  readonly failFast?: boolean;
  readonly onEvent?: (event: SyncEvent) => void;
  readonly onTransfer?: EventListener;
  readonly signal?: AbortSignal | undefined;
}

/** What a sync needs of its `Gantry`. */
export interface Syncing {
  readonly hosts: Hosts;
  readonly places: Places;
  readonly memory: LocationMemory;
  open(name: string, side: "source" | "destination", hosts: Hosts): Promise<Opened>;
  plan(from: Opened, root: Descriptor, to: Destination, how: PlanHow): Promise<Plan>;
}

/** How one image of a sync is planned. */
export interface PlanHow {
  readonly platforms: readonly string[];
  readonly attached?: AttachedChoice;
  readonly memory: LocationMemory;
  readonly onEvent?: EventListener;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keeps repositories equal elsewhere: those of a sync file, or one.
 *
 * @throws GantryError USAGE, PLAN_INVALID, FILE_NOT_FOUND; failures of images are in the report
 */
export async function syncImages(source: string, asked: SyncRequest, syncing: Syncing): Promise<SyncReport> {
  const plan = await readPlan(source, asked, syncing.places);
  const request = { ...asked, signal: quietSignal(asked.signal) };
  const memory = rarelySaved(syncing.memory);
  const states = new Map<string, Promise<SyncJob["state"]>>();
  const hostOf = new Map<string, RegistryHost>();
  const jobs: SyncJob[] = [];
  for (const rule of plan.rules) jobs.push(...(await jobsOf(rule, request, { ...syncing, memory }, states, hostOf)));
  try {
    return await runSync(jobs, {
      concurrency: request.concurrency ?? plan.concurrency,
      dryRun: request.dryRun,
      verify: request.verify,
      verifyAfter: request.verifyAfter,
      deleteAll: request.deleteAll,
      failFast: request.failFast,
      onEvent: request.onEvent,
      onTransfer: request.onTransfer,
      signal: request.signal,
      exhausted(name) {
        const quota = hostOf.get(name)?.quota;
        return quota !== undefined && quota.remaining <= 0 ? "the registry's quota of pulls is used up" : undefined;
      },
    });
  } finally {
    await syncing.memory.save();
  }
}

async function readPlan(
  source: string,
  request: SyncRequest,
  { cwd }: Places,
): Promise<{ rules: readonly SyncRule[]; concurrency?: number | undefined }> {
  const { names, allow, deny, glob, semver, newest } = request;
  const isChoosing =
    [names, allow, deny, glob].some((list) => (list?.length ?? 0) > 0) || semver !== undefined || newest !== undefined;
  if (await isFile(source, cwd)) {
    if (isChoosing)
      throw new GantryError("USAGE", "the file says which tags are meant", {
        where: source,
        hint: "Write the choice into the file.",
      });
    return readSyncFile(resolve(cwd, source), source);
  }
  if (request.destination === undefined)
    throw new GantryError("USAGE", "sync needs to know where to", { where: source, hint: "gantry sync SOURCE DEST." });
  const exact = names !== undefined && names.length > 0;
  if (exact && [allow, deny, glob].some((list) => (list?.length ?? 0) > 0))
    throw new GantryError("USAGE", "tags are either named or chosen by patterns");
  for (const name of names ?? [])
    if (!isTag(name) && !isDigest(name))
      throw new GantryError("USAGE", `${JSON.stringify(name)} is neither a tag nor a digest`);
  const tags = { allow: (allow ?? []).map(pattern), deny: (deny ?? []).map(pattern), glob, semver, newest };
  return { rules: [{ source, names: exact ? names : undefined, tags: isChoosing && !exact ? tags : undefined }] };
}

/** A file by its ending, or because it is there and cannot be an image's name. */
async function isFile(source: string, cwd: string): Promise<boolean> {
  if (/\.(?:ya?ml|json)$/.test(source)) return true;
  if (/^[a-z-]+:/.test(source) && !source.startsWith("/")) return false;
  return stat(resolve(cwd, source)).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function jobsOf(
  rule: SyncRule,
  request: SyncRequest,
  syncing: Syncing,
  states: Map<string, Promise<SyncJob["state"]>>,
  hostOf: Map<string, RegistryHost>,
): Promise<SyncJob[]> {
  const base = rule.dest ?? request.destination;
  if (base === undefined) {
    throw new GantryError("USAGE", "the sync file gives no destination", {
      where: rule.source,
      hint: 'Write "dest:" into the file, or give DEST: gantry sync FILE DEST.',
    });
  }
  const hosts = hasAccess(rule.access)
    ? syncing.hosts.withSource(sideFor(rule.access, rule.source, syncing.places))
    : syncing.hosts;
  const sources = await syncSources(rule.source, (name) => syncing.open(name, "source", hosts));
  const selection = await tagRules(rule);
  const immutable = [...(rule.immutable ?? []), ...(request.immutable ?? []).map(pattern)];
  const platforms = [...(rule.platforms?.length ? rule.platforms : (request.platforms ?? []))];
  const attached = choice(rule.attached) ?? request.attached;
  const pattern_ = {
    base,
    mode: rule.dest === undefined ? (request.mode ?? "last") : "exact",
    suffix: request.suffix,
  } as const;
  const jobs: SyncJob[] = [];
  for (const source of sources) {
    const to = new SyncDestination(pattern_, source.repository, (name) =>
      syncing.open(name, "destination", syncing.hosts),
    );
    const { repository } = source.store;
    if (repository !== undefined) hostOf.set(source.name, await hosts.host(repository.host, "source"));
    const names = rule.names ?? source.named;
    const variant = JSON.stringify([platforms, request.suffix ?? "", attached ?? "auto"]);
    const key = JSON.stringify([source.name, to.name, variant]);
    let state = states.get(key);
    if (state === undefined) {
      const kept = { source: source.name, destination: to.name, variant };
      state = isRemembered(source, to)
        ? fileState(join(syncing.places.cache, "sync"), kept)
        : Promise.resolve(processState());
      states.set(key, state);
    }
    jobs.push({
      source: source.name,
      destination: to.name,
      resolve: (ref, signal) => source.store.resolve(source.inside(ref), { signal }),
      list: async (signal) => (names === undefined ? source.list(signal) : { all: names, complete: false }),
      select: (refs) => (names === undefined ? selection.select(refs) : refs),
      matches: (ref) => names === undefined && selection.matches(ref),
      isImmutable: (ref) => immutable.some((expression) => expression.test(ref)),
      nameOf: (ref) => source.nameOf(ref),
      tagOf: (ref) => to.tagOf(ref) ?? ref,
      destinationOf: (ref) => to.destinationOf(ref),
      plan: (ref, root, destination, signal) =>
        syncing.plan(
          { store: source.store, ref: source.inside(ref), pinned: undefined, name: source.nameOf(ref) },
          root,
          destination,
          {
            platforms,
            memory: syncing.memory,
            signal,
            ...(attached === undefined ? {} : { attached }),
            ...(request.onTransfer === undefined ? {} : { onEvent: request.onTransfer }),
          },
        ),
      delete: rule.delete === true || request.delete === true || request.deleteAll === true,
      removal: () => to.removal(),
      state: await state,
    });
  }
  return jobs;
}

async function tagRules({ tags, source }: SyncRule): Promise<Awaited<ReturnType<typeof compileTagRules>>> {
  try {
    return await compileTagRules(tags ?? {});
  } catch (error) {
    throw new GantryError("USAGE", error instanceof Error ? error.message : String(error), { where: source });
  }
}

function pattern(text: string): RegExp {
  try {
    return compilePattern(text);
  } catch (error) {
    throw new GantryError("USAGE", error instanceof Error ? error.message : String(error));
  }
}

/** Images of a disk are looked at again each time: that costs no request. */
const isRemembered = (source: SyncSource, to: SyncDestination): boolean =>
  source.store.repository !== undefined || !/^(?:oci|local):/.test(to.name);

function choice(attached: readonly string[] | undefined): AttachedChoice | undefined {
  if (attached === undefined || attached.length === 0) return undefined;
  const [first] = attached;
  return attached.length === 1 && (first === "all" || first === "none" || first === "auto") ? first : attached;
}

const hasAccess = (access: RegistryAccess | undefined): access is RegistryAccess =>
  access !== undefined && Object.values(access).some((value) => value !== undefined);

/** skopeo's sync file keeps credentials; they are for this source's registry and no other. */
function sideFor(
  { username, password, certDir, tlsVerify }: RegistryAccess,
  source: string,
  { cwd }: Places,
): SideOptions {
  const host = source.replace(/^docker:\/\//, "").split("/")[0]!;
  return {
    ...(username === undefined
      ? {}
      : {
          credentials: staticCredentials({
            credential: { kind: "basic", username, password: password ?? "" },
            origin: `the sync file, registry ${host}`,
          }),
        }),
    ...(certDir === undefined ? {} : { certDir: resolve(cwd, certDir) }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
  };
}

/** Every request of every image listens; Node takes more than ten listeners for a leak unless told. */
function quietSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined;
  const own = AbortSignal.any([signal]);
  setMaxListeners(0, own);
  return own;
}

/** The memory of a large sync is megabytes: written after every image it would be most of the work. */
function rarelySaved(memory: LocationMemory): LocationMemory {
  let last = performance.now();
  return {
    tagged: (repository, tag) => memory.tagged(repository, tag),
    holds: (repository, digest) => memory.holds(repository, digest),
    locations: (host, digest) => memory.locations(host, digest),
    remember: (repository, descriptor, tag) => memory.remember(repository, descriptor, tag),
    forget: (repository, digest) => memory.forget(repository, digest),
    async save() {
      if (performance.now() - last < SAVE_EVERY_MS) return;
      last = performance.now();
      await memory.save();
    },
  };
}

const SAVE_EVERY_MS = 10_000;
