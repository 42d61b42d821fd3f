/**
 * The facade: image names become stores, settings become defaults, and the verbs become methods. Everything that the
 * command line does, a program does with this class.
 */
import { join } from "node:path";
import { listPlatforms, type Store, type Verified, verifyGraph } from "./content/index.js";
import { GantryError } from "./errors.js";
import type { Build, BuildOptions } from "./facade/build-images.js";
import { Hosts } from "./facade/hosts.js";
import type { LoginOptions } from "./facade/login.js";
import type { MethodOptions, MoveOptions, ReadOptions, Resolved, StoredImage } from "./facade/method-options.js";
import { type Opened, openStore } from "./facade/open-store.js";
import { type GantryOptions, type Places, placesOf } from "./facade/options.js";
import { openDestinations, type PinnedDestination, planMove, resolveImage } from "./facade/plan-move.js";
import type { Served, ServeRequest } from "./facade/serve.js";
import type { Diagnosis, DoctorRequest } from "./facade/doctor.js";
import type { SyncRequest } from "./facade/sync.js";
import { contentTree, type Inspection, inspectImage, readConfigBytes, type TreeNode } from "./inspect/index.js";
import {
  type Descriptor,
  type Digest,
  formatPlatform,
  formatReference,
  isDigest,
  isIndex,
  parseHost,
  parseImageName,
  parseManifest,
  parseReference,
  withDefaultTag,
} from "./spec/index.js";
import type { Body } from "./streams/index.js";
import type { Quota } from "./stores/registry/index.js";
import { type LocalStore, openLocal } from "./stores/local/index.js";
import type { SyncReport } from "./sync/index.js";
import { type EventListener, fileMemory, type LocationMemory, type Plan } from "./transfer/index.js";

export type { Build, BuildOptions, BuiltImage, GantryEvent } from "./facade/build-images.js";
export type { BuildEvent } from "./build/index.js";
export type { LoginOptions } from "./facade/login.js";
export type { MethodOptions, MoveOptions, ReadOptions, Resolved, StoredImage } from "./facade/method-options.js";
export type { GantryOptions, SideOptions } from "./facade/options.js";
export type { Served, ServeRequest } from "./facade/serve.js";
export type { Diagnosis, DoctorRequest } from "./facade/doctor.js";
export type { Finding, Timings } from "./facade/doctor/finding.js";
export type { SyncRequest } from "./facade/sync.js";
export type { Quota } from "./stores/registry/index.js";
export type { SyncedImage, SyncEvent, SyncFailure, SyncReport, SyncTotals } from "./sync/index.js";
export type { InspectedEntry, Inspection, TreeNode } from "./inspect/index.js";
export { TransferFailed } from "./transfer/index.js";
export type {
  Action,
  ApplyOptions,
  AttachedChoice,
  Count,
  DestinationReport,
  EventListener,
  Plan,
  Report,
  Step,
  Totals,
  TransferEvent,
} from "./transfer/index.js";

/**
 * gantry as a library. Cheap to make: nothing is opened before it is needed. Dispose it (`await using`) to close its
 * connections.
 */
export class Gantry implements AsyncDisposable {
  readonly #options: GantryOptions;
  readonly #places: Places;
  readonly #hosts: Hosts;
  #local: Promise<LocalStore> | undefined;
  #memory: Promise<LocationMemory> | undefined;

  constructor(options: GantryOptions = {}) {
    this.#options = options;
    this.#places = placesOf(options);
    this.#hosts = new Hosts(options, this.#places);
  }

  /** HTTP requests that were sent so far, those for tokens and repetitions included. */
  get requests(): number {
    return this.#hosts.requests;
  }

  /**
   * Plans a copy of an image, index or artifact to one or more destinations. Nothing is written before `apply()`.
   *
   * @throws GantryError with `side`
   */
  async copy(source: string, destinations: string | readonly string[], options: MoveOptions = {}): Promise<Plan> {
    return this.#heard(options, async () => {
      const from = await this.#open(source, "source");
      const to = await this.#destinations(typeof destinations === "string" ? [destinations] : destinations);
      return this.#plan(from, to, options);
    });
  }

  /**
   * Plans a push. A bare name is looked for in gantry's own store; without destinations it goes to the name that it has.
   *
   * @throws GantryError NOT_FOUND when no store has the source, and as {@link copy}
   */
  async push(source: string, destinations: readonly string[] = [], options: MoveOptions = {}): Promise<Plan> {
    const name = parseImageName(source);
    if (destinations.length === 0 && name.transport !== "docker" && name.transport !== "local") {
      throw new GantryError("USAGE", `${name.transport}: gives no name to push to`, {
        where: source,
        hint: "Say where to: gantry push SOURCE DEST.",
      });
    }
    const isBare = name.transport === "docker" && !source.startsWith("docker://");
    const from =
      isBare || name.transport === "local"
        ? await this.#stored(source.replace(/^local:/, ""), options)
        : await this.#open(source, "source");
    const to = destinations.length > 0 ? destinations : [source.replace(/^local:/, "")];
    return this.#heard(options, async () => this.#plan(from, await this.#destinations(to), options));
  }

  /** Plans a pull, into gantry's own store under the same name unless a destination is given. */
  async pull(source: string, destination?: string, options: MoveOptions = {}): Promise<Plan> {
    const name = parseImageName(source);
    if (destination === undefined && name.transport !== "docker") {
      throw new GantryError("USAGE", `${name.transport}: is no registry to pull from`, {
        where: source,
        hint: "Say where to, or use gantry copy.",
      });
    }
    const own = name.transport === "docker" ? `local:${formatReference(name.reference)}` : source;
    return this.copy(source, destination ?? own, options);
  }

  /** What a name points at; with a platform, that image of it. */
  async resolve(image: string, { platform, signal }: ReadOptions = {}): Promise<Resolved> {
    const opened = await this.#open(image, "source");
    return { name: opened.name, descriptor: await resolveImage(opened, platform, signal) };
  }

  /** A manifest's exact bytes. */
  async manifest(
    image: string,
    { platform, signal }: ReadOptions = {},
  ): Promise<Resolved & { readonly bytes: Uint8Array }> {
    const opened = await this.#open(image, "source");
    const descriptor = await resolveImage(opened, platform, signal, true);
    return { name: opened.name, descriptor, bytes: await opened.store.manifest(descriptor, { signal }) };
  }

  /** An image's configuration, to the byte. Of an index a platform has to be chosen. */
  async config(
    image: string,
    { platform, signal }: ReadOptions = {},
  ): Promise<Resolved & { readonly bytes: Uint8Array }> {
    const { name, descriptor, bytes } = await this.manifest(image, {
      signal,
      ...(platform === undefined ? {} : { platform }),
    });
    if (isIndex(descriptor)) {
      throw new GantryError("USAGE", "an index has no configuration", {
        where: name,
        hint: "Choose an image of it: --platform linux/amd64.",
      });
    }
    const { config } = parseManifest(bytes, descriptor.mediaType);
    const { store } = await this.#open(image, "source");
    return { name, descriptor: config, bytes: await readConfigBytes(store, config, { signal }) };
  }

  /** What an image or index is made of. */
  async inspect(image: string, { platform, signal }: ReadOptions = {}): Promise<Inspection> {
    const opened = await this.#open(image, "source");
    return inspectImage(opened.store, await resolveImage(opened, platform, signal, true), opened.name, { signal });
  }

  /** Everything that belongs to an image, referrers included. */
  async tree(image: string, { platform, signal }: ReadOptions = {}): Promise<TreeNode> {
    const opened = await this.#open(image, "source");
    return contentTree(opened.store, await resolveImage(opened, platform, signal, true), opened.name, { signal });
  }

  /** Reads everything that an image reaches and checks every digest and size. @throws GantryError of the first fault */
  async validate(image: string, { platform, signal }: ReadOptions = {}): Promise<Resolved & Verified> {
    const opened = await this.#open(image, "source");
    const descriptor = await resolveImage(opened, platform, signal, true);
    return { name: opened.name, descriptor, ...(await verifyGraph(opened.store, descriptor, { signal })) };
  }

  /** A blob as a body that can be opened, verified while it is read from its start. */
  async blob(
    name: string,
    { signal }: MethodOptions = {},
  ): Promise<{ readonly descriptor: Descriptor; readonly body: Body }> {
    const opened = await this.#open(name, "source");
    if (opened.pinned === undefined)
      throw new GantryError("USAGE", "a blob is named by its digest", {
        where: name,
        hint: "Write HOST/REPOSITORY@sha256:….",
      });
    const size = await blobSize(opened.store, opened.pinned, signal);
    const descriptor = { mediaType: "application/octet-stream", digest: opened.pinned, size };
    return { descriptor, body: opened.store.blob(descriptor) };
  }

  /** The tags of a repository, or the names of a layout. */
  async *tags(repository: string, { signal }: MethodOptions = {}): AsyncGenerator<string, void, undefined> {
    const { store } = await this.#open(repository, "source");
    if (store.tags === undefined) throw new GantryError("UNSUPPORTED", "this place has no tags", { where: repository });
    yield* store.tags.list({ signal });
  }

  /** The repositories of a registry, where it tells them. */
  async *catalog(host: string, { signal }: MethodOptions = {}): AsyncGenerator<string, void, undefined> {
    const registry = await this.#hosts.host(parseHost(host.replace(/^docker:\/\//, "")), "source");
    yield* registry.catalog({ signal });
  }

  /** The images of gantry's own store. */
  async *images({ signal }: MethodOptions = {}): AsyncGenerator<StoredImage, void, undefined> {
    const local = await this.#localStore();
    for await (const { name, descriptor, size } of local.images({ signal })) {
      const entries = await listPlatforms(local.store, descriptor, { signal }).catch(() => []);
      const platforms = entries.flatMap(({ platform }) => (platform === undefined ? [] : [formatPlatform(platform)]));
      yield { name, descriptor, platforms, size };
    }
  }

  /** Removes a name and nothing else; a name with a digest removes the manifest itself. With `dryRun` it only looks. */
  async remove(
    image: string,
    { signal, dryRun = false }: MethodOptions & { readonly dryRun?: boolean } = {},
  ): Promise<Resolved> {
    const opened = await this.#open(image, "source", true);
    const name = parseImageName(image);
    const ref = opened.pinned ?? opened.ref;
    if (ref === undefined || ref === "")
      throw new GantryError("USAGE", "there is nothing to remove without a tag or digest", { where: image });
    const descriptor = await opened.store.resolve(ref, { signal });
    if (dryRun) return { name: opened.name, descriptor };
    if (isDigest(ref)) {
      if (opened.store.remover === undefined)
        throw new GantryError("UNSUPPORTED", "content cannot be removed here", { where: image });
      await opened.store.remover.remove(descriptor, { signal });
    } else if (name.transport === "local") {
      const local = await this.#localStore();
      await local.remove(ref, { signal });
      await local.prune({ signal });
    } else {
      if (opened.store.tags === undefined)
        throw new GantryError("UNSUPPORTED", "names cannot be removed here", { where: image });
      await opened.store.tags.remove(ref, { signal });
    }
    return { name: opened.name, descriptor };
  }

  /**
   * Builds images from a plan file or a plan: layers are made and cached at once, the images are planned into gantry's
   * own store, or with `push` under their names.
   *
   * @throws GantryError PLAN_INVALID, FILE_NOT_FOUND, PLATFORM_NOT_FOUND, and what opening a base throws
   */
  async build(options: BuildOptions = {}): Promise<Build> {
    const building = {
      env: this.#options.env ?? {},
      cwd: this.#places.cwd,
      local: await this.#localStore(),
      memory: await this.#locationMemory(),
      concurrency: this.#options.concurrency,
      open: (name: string, side: "source" | "destination", write?: boolean) => this.#open(name, side, write),
    };
    // What only some commands need is loaded by them: starting is half of what a small command costs.
    const { buildImages } = await import("./facade/build-images.js");
    const { images } = await this.#hosts.listen(options.onEvent, () => buildImages(options, building));
    return { images: images.map((image) => ({ ...image, plan: this.#heardPlan(image.plan, options) })) };
  }

  /**
   * Keeps repositories equal elsewhere: those that a sync file names (gantry's or skopeo's), or one. What is equal
   * already costs one request an image, and none where its tag is immutable.
   *
   * @param source the path of a sync file, or a repository: `HOST/REPOSITORY`, `oci:PATH`, `local:NAME`
   * @throws GantryError USAGE, PLAN_INVALID, FILE_NOT_FOUND; what failed for an image is in the report
   */
  async sync(source: string, request: SyncRequest = {}): Promise<SyncReport> {
    const { syncImages } = await import("./facade/sync.js");
    const hosts = this.#hosts;
    const memory = await this.#locationMemory();
    return hosts.listen(request.onTransfer, () =>
      syncImages(source, request, {
        hosts,
        places: this.#places,
        memory,
        open: (name, side, from) => this.#open(name, side, side === "destination", from),
        plan: (from, root, to, { memory: known, ...how }) => this.#plan(from, [to], how, { root, memory: known }),
      }),
    );
  }

  /**
   * How much more may be pulled from a registry, where it says so: one HEAD, which does not count as a pull.
   *
   * @param name `HOST/REPOSITORY`; a host alone where its registry has a repository for the question (Docker Hub)
   */
  async quota(
    name: string,
    { signal }: MethodOptions = {},
  ): Promise<{ readonly name: string; readonly quota: Quota | undefined }> {
    const { quotaPlace } = await import("./facade/quota-place.js");
    const { host, repository } = quotaPlace(name);
    const quota = await (await this.#hosts.host(host, "source")).askQuota(repository, { signal });
    return { name: `${host}/${repository}`, quota };
  }

  /**
   * Examines a registry: the way to it, which credential matched, what it supports. With a repository it also writes a
   * tiny artifact there and removes it again, unless it is told to only read.
   */
  async doctor(name: string, request: DoctorRequest = {}): Promise<Diagnosis> {
    const { diagnose } = await import("./facade/doctor.js");
    return diagnose(name, request, this.#options, this.#places);
  }

  /** Checks credentials at a registry and keeps them. @throws GantryError UNAUTHORIZED */
  async login(host: string, options: LoginOptions): Promise<{ readonly savedIn: string }> {
    const { login } = await import("./facade/login.js");
    return login(host, options, this.#options, this.#places);
  }

  /** Forgets the credentials for a registry; answers whence they were removed. */
  async logout(host: string): Promise<{ readonly removedFrom: string | undefined }> {
    const { logout } = await import("./facade/login.js");
    return logout(host, this.#options, this.#places);
  }

  /** Runs the embedded registry. */
  async serve(request: ServeRequest = {}): Promise<Served> {
    const { serveRegistry } = await import("./facade/serve.js");
    return serveRegistry(request, this.#places);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#hosts[Symbol.asyncDispose]();
    await (await this.#local)?.[Symbol.asyncDispose]();
  }

  /** Plans, and later applies, with a listener that hears of the hosts' retries too. */
  async #heard(options: { readonly onEvent?: EventListener }, work: () => Promise<Plan>): Promise<Plan> {
    return this.#heardPlan(await this.#hosts.listen(options.onEvent, work), options);
  }

  #heardPlan(plan: Plan, { onEvent }: { readonly onEvent?: EventListener }): Plan {
    return {
      ...plan,
      apply: (options = {}) => this.#hosts.listen(options.onEvent ?? onEvent, () => plan.apply(options)),
    };
  }

  async #plan(
    from: Opened,
    destinations: readonly PinnedDestination[],
    options: MoveOptions,
    known: { readonly root?: Descriptor; readonly memory?: LocationMemory } = {},
  ): Promise<Plan> {
    return planMove(from, destinations, options, {
      root: known.root,
      memory: known.memory ?? (await this.#locationMemory()),
      concurrency: this.#options.concurrency,
    });
  }

  /** A bare name of `push`: in gantry's own store. */
  async #stored(name: string, { signal }: MethodOptions): Promise<Opened> {
    const opened = await this.#open(`local:${name}`, "source");
    try {
      await opened.store.resolve(opened.ref ?? "", { signal });
    } catch (error) {
      if (!GantryError.is(error) || error.code !== "MANIFEST_UNKNOWN") throw error;
      throw new GantryError(
        "NOT_FOUND",
        `no image ${formatReference(withDefaultTag(parseReference(name)))} in gantry's own store`,
        {
          side: "source",
          where: (await this.#localStore()).root,
          hint: "Build it or pull it first, or name its transport: docker://, oci:.",
          cause: error,
        },
      );
    }
    return opened;
  }

  #destinations(names: readonly string[]): Promise<PinnedDestination[]> {
    return openDestinations(names, (name) => this.#open(name, "destination", true));
  }

  #open(
    name: string,
    side: "source" | "destination",
    write = side === "destination",
    hosts: Hosts = this.#hosts,
  ): Promise<Opened> {
    return openStore(name, { hosts, local: () => this.#localStore(), cwd: this.#places.cwd, side, write });
  }

  #localStore(): Promise<LocalStore> {
    this.#local ??= openLocal(this.#places.data);
    return this.#local;
  }

  #locationMemory(): Promise<LocationMemory> {
    this.#memory ??= fileMemory(join(this.#places.cache, "locations.json"));
    return this.#memory;
  }
}

/** A blob's length, which its digest does not tell: from the manifests of a layout or a HEAD. */
async function blobSize(store: Store, digest: Digest, signal: AbortSignal | undefined): Promise<number> {
  const size = await store.blobSize?.(digest, { signal });
  if (size === undefined) throw new GantryError("BLOB_UNKNOWN", `no blob ${digest}`, { where: store.location });
  return size;
}
