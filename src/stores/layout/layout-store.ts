import { chmod, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type {
  CallOptions,
  Constraints,
  Placement,
  PutManifestOptions,
  PutOptions,
  Remover,
  Store,
  StreamedBlob,
  Tags,
  Writer,
} from "../../content/index.js";
import { GantryError } from "../../errors.js";
import {
  algorithmOf,
  bareDescriptor,
  type Descriptor,
  type Digest,
  type ImageIndex,
  isDocument,
  MAX_DOCUMENT_BYTES,
} from "../../spec/index.js";
import { type Body, bytesBody, readAll, verifyBytes } from "../../streams/index.js";
import { BlobFiles } from "./blob-files.js";
import { collectGarbage, withoutOrphans, type GarbageOptions, type GarbageReport } from "./collect-garbage.js";
import { diskError } from "./disk-error.js";
import {
  checkName,
  entriesNamed,
  entryFor,
  isUnnamed,
  nameOf,
  namesOf,
  withName,
  withUnnamed,
} from "./index-entries.js";
import { FreshBlobs } from "./fresh-blobs.js";
import { IndexFile } from "./index-file.js";
import { LayoutReferrers, type Referring, referringOf } from "./layout-referrers.js";
import { reach } from "./reach.js";
import { type Lookup, resolveName, unknownName, unnamedRoots } from "./resolve.js";
import { makeDirectory, TempFiles } from "./temp-files.js";

/** An entry of a layout's index.json. */
export interface LayoutEntry {
  readonly name?: string;
  /** With all that index.json says of it. */
  readonly descriptor: Descriptor;
}

/** How a {@link LayoutStore} is made. */
export interface LayoutSettings {
  readonly path: string;
  readonly location: string;
  /** True when content is going to be written: the directory is made at the first write, and found content is kept fresh. */
  readonly create: boolean;
  readonly lockTimeoutMs?: number | undefined;
  /** The mode of the layout's directory, and of those above it, where they are made. */
  readonly mode?: number | undefined;
}

/**
 * An OCI image layout (image-spec 1.1, image-layout.md) as a store. Safe for writers in several processes, and for
 * one that is killed: what was acknowledged stays, and what a dead writer left is removed by the next.
 *
 * Names are `org.opencontainers.image.ref.name` annotations in index.json. A document put without `tags` is stored as
 * content only, for it is the child of an index that follows; `tags: [""]` puts it as the image of a layout without
 * names (`oci:PATH`), in place of the one unnamed image there was; and a document with a `subject` always gets an
 * entry, so that its referrers list finds it.
 */
export class LayoutStore implements Store, AsyncDisposable {
  readonly path: string;
  readonly location: string;
  readonly writer: Writer;
  readonly tags: Tags;
  readonly referrers: LayoutReferrers;
  readonly remover: Remover;
  readonly #settings: LayoutSettings;
  readonly #temp: TempFiles;
  readonly #blobs: BlobFiles;
  readonly #fresh: FreshBlobs;
  readonly #index: IndexFile;
  readonly #trash: string;
  #prepared: Promise<Modes> | undefined;

  constructor(settings: LayoutSettings) {
    this.#settings = settings;
    this.path = settings.path;
    this.location = settings.location;
    const own = join(settings.path, PRIVATE);
    this.#trash = own;
    this.#temp = new TempFiles(join(own, "tmp"));
    this.#blobs = new BlobFiles(join(settings.path, "blobs"), this.#temp);
    this.#fresh = new FreshBlobs(async (digest) => await this.#blobs.touch(digest));
    this.#index = new IndexFile(settings.path, join(own, "lock"), this.#temp);
    this.writer = {
      accepts: ACCEPTS,
      swaps: true,
      putBlob: async (blob, body, options) => await this.#putBlob(blob, body, options),
      putManifest: async (bytes, descriptor, options) => await this.#putManifest(bytes, descriptor, options),
    };
    this.tags = {
      list: () => this.#names(),
      remove: async (tag, options) => await this.#untag(tag, options),
    };
    this.referrers = new LayoutReferrers(this, async () => await this.#index.read());
    this.remover = { remove: async (descriptor, options) => await this.#remove(descriptor, options) };
  }

  async resolve(name: string, options?: CallOptions): Promise<Descriptor> {
    return await resolveName(await this.#lookup(), name, options);
  }

  async manifest(descriptor: Descriptor, options?: CallOptions): Promise<Uint8Array> {
    if (descriptor.size > MAX_DOCUMENT_BYTES) {
      throw new GantryError("TOO_LARGE", `the manifest has ${descriptor.size} bytes`, { where: this.location });
    }
    try {
      const body = this.#blobs.body(descriptor, this.location);
      return await readAll(body.open({ signal: options?.signal }), MAX_DOCUMENT_BYTES, "the manifest");
    } catch (error) {
      if (!GantryError.is(error) || error.code !== "BLOB_UNKNOWN") throw error;
      throw new GantryError("MANIFEST_UNKNOWN", `manifest ${descriptor.digest} is not in the layout`, {
        where: this.location,
        facts: { digest: descriptor.digest },
      });
    }
  }

  blob(descriptor: Descriptor): Body {
    return this.#blobs.body(descriptor, this.location);
  }

  async exists(descriptor: Descriptor): Promise<boolean> {
    if ((await this.#blobs.size(descriptor.digest)) !== descriptor.size) return false;
    // Whoever writes relies on the answer: the content must still be there when a manifest names it.
    return this.#settings.create ? await this.#want(descriptor.digest) : true;
  }

  /** The entries of index.json, in its order. */
  async *entries(options?: CallOptions): AsyncGenerator<LayoutEntry, void, undefined> {
    for (const descriptor of (await this.#index.read()).manifests) {
      options?.signal?.throwIfAborted();
      const name = nameOf(descriptor) ?? namesOf(descriptor)[0];
      yield name === undefined ? { descriptor } : { name, descriptor };
    }
  }

  /** The file of a blob, whether it is there or not. @throws GantryError DIGEST_INVALID */
  blobPath(digest: Digest): string {
    return this.#blobs.path(digest);
  }

  /** The size of a blob that is there, marked as wanted; undefined where it is not. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    const size = await this.#blobs.size(digest);
    return size !== undefined && (await this.#want(digest)) ? size : undefined;
  }

  /**
   * Removes blobs that nothing reaches and that nobody has put or asked for within the grace time. Changes of the index
   * wait meanwhile; blobs may be put.
   *
   * @throws GantryError MANIFEST_INVALID, DIGEST_MISMATCH when a reachable document is damaged: nothing is removed then
   */
  async collectGarbage(options: GarbageOptions = {}): Promise<GarbageReport> {
    await this.#prepare();
    if (options.orphanReferrers === "remove") {
      await this.#change(
        async (index) => await withoutOrphans(this, this.#blobs, this.referrers, index, options),
        options.signal,
      );
    }
    return await this.#index.alone({ timeoutMs: this.#settings.lockTimeoutMs, signal: options.signal }, async () => {
      await this.#blobs.restore(this.#trash);
      return await collectGarbage(this, this.#blobs, await this.#index.read(), this.#trash, options);
    });
  }

  /** Removes the place for temporary files where no other writer uses it, and a layout that nothing was written to. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#fresh.clear();
    const modes = await this.#prepared?.catch(() => undefined);
    if (modes === undefined) return;
    await this.#temp.dispose();
    if (!modes.created) return;
    // Each of them only while it is empty.
    for (const parts of [["blobs", "sha256"], ["blobs"], [PRIVATE, "lock"], [PRIVATE], []]) {
      await rmdir(join(this.path, ...parts)).catch(() => {});
    }
  }

  async #putBlob(blob: Descriptor | StreamedBlob, body: Body, options: PutOptions = {}): Promise<Placement> {
    const known = blob.digest === undefined ? undefined : blob;
    const modes = await this.#prepare();
    const there = known === undefined ? undefined : await this.#blobs.size(known.digest);
    if (known !== undefined && there === known.size && options.present !== "ignore") {
      if (await this.#want(known.digest)) return { how: "present", bytes: 0, descriptor: known };
    }
    if (known !== undefined) await this.#blobs.prepare(modes.directory, algorithmOf(known.digest));
    const { signal, onBytes } = options;
    const wanted = { digest: known?.digest, size: known?.size };
    const { digest, size } = await this.#blobs.write(wanted, body, { signal, onBytes, mode: modes.file });
    this.#fresh.add(digest);
    const descriptor = known ?? { mediaType: blob.mediaType, digest, size };
    return { how: there === undefined ? "uploaded" : "repaired", bytes: size, descriptor };
  }

  async #putManifest(bytes: Uint8Array, descriptor: Descriptor, options: PutManifestOptions = {}): Promise<Placement> {
    for (const tag of options.tags ?? []) checkName(tag);
    verifyBytes(bytes, descriptor, this.location);
    const referring = referringOf(bytes, descriptor);
    const placement = await this.#putBlob(bareDescriptor(descriptor), bytesBody(bytes), options);
    const { tags = [], ifMatch, signal } = options;
    if (tags.length === 0 && referring === undefined) return { ...placement, descriptor };
    await this.#change(async (index) => {
      let changed = index;
      for (const tag of tags) changed = await this.#named(changed, tag, descriptor, referring, ifMatch);
      return tags.length === 0
        ? withUnnamed(changed, entryFor(descriptor, referring?.descriptor.artifactType))
        : changed;
    }, signal);
    return { ...placement, descriptor };
  }

  async #named(
    index: ImageIndex,
    tag: string,
    descriptor: Descriptor,
    referring: Referring | undefined,
    ifMatch: Digest | "" | undefined,
  ): Promise<ImageIndex> {
    const unnamed = tag === "" ? await unnamedRoots({ ...(await this.#lookup()), index }) : [];
    const current = tag === "" ? unnamed : index.manifests.filter((entry) => nameOf(entry) === tag);
    if (ifMatch !== undefined && !(ifMatch === "" ? current.length === 0 : current.some((e) => e.digest === ifMatch))) {
      throw new GantryError("CONFLICT", `${tag === "" ? "the image" : JSON.stringify(tag)} points at something else`, {
        where: this.location,
        facts: { expected: ifMatch, got: current[0]?.digest ?? "" },
      });
    }
    const target = entryFor(descriptor, referring?.descriptor.artifactType);
    if (current.length === 1 && current[0]?.digest === target.digest && current[0].mediaType === target.mediaType) {
      return index;
    }
    if (tag !== "") return withName(index, tag, target);
    if (unnamed.length !== 1) return { ...index, manifests: [...index.manifests, target] };
    return { ...index, manifests: index.manifests.map((entry) => (entry === unnamed[0] ? target : entry)) };
  }

  async *#names(): AsyncGenerator<string, void, undefined> {
    const seen = new Set<string>();
    for await (const { name } of this.entries()) {
      if (name === undefined || seen.has(name)) continue;
      seen.add(name);
      yield name;
    }
  }

  async #untag(tag: string, options?: CallOptions): Promise<void> {
    const before = await this.#index.read();
    // Asked first, so that a mistake makes no directory.
    if (tag !== "" && entriesNamed(before, tag).length === 0) throw unknownName(before, tag, this.location);
    await this.#change(async (index) => {
      const gone = new Set(
        tag === "" ? await unnamedRoots({ ...(await this.#lookup()), index }) : entriesNamed(index, tag),
      );
      if (gone.size === 0) throw unknownName(index, tag, this.location);
      const manifests: Descriptor[] = [];
      for (const entry of index.manifests) {
        if (!gone.has(entry)) manifests.push(entry);
        // A referrer without its name is still a referrer.
        else if (!isUnnamed(entry) && (await this.referrers.referring(entry)) !== undefined)
          manifests.push(entryFor(entry));
      }
      return { ...index, manifests };
    }, options?.signal);
  }

  async #remove(descriptor: Descriptor, options?: CallOptions): Promise<void> {
    const { digest } = descriptor;
    const named = (await this.#index.read()).manifests.some((entry) => entry.digest === digest);
    if (!named && (await this.#blobs.size(digest)) === undefined) {
      const code = isDocument(descriptor) ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN";
      throw new GantryError(code, `${digest} is not in the layout`, { where: this.location });
    }
    await this.#change((index) => {
      const manifests = index.manifests.filter((entry) => entry.digest !== digest);
      return manifests.length === index.manifests.length ? index : { ...index, manifests };
    }, options?.signal);
    const settings = { timeoutMs: this.#settings.lockTimeoutMs, signal: options?.signal };
    await this.#index.alone(settings, async () => {
      const wanted = await reach(this, (await this.#index.read()).manifests, options);
      if (!wanted.has(digest)) await this.#blobs.remove(digest, Number.NEGATIVE_INFINITY, this.#trash);
    });
  }

  async #want(digest: Digest): Promise<boolean> {
    this.#fresh.add(digest);
    return await this.#blobs.touch(digest);
  }

  async #change(
    change: (index: ImageIndex) => ImageIndex | Promise<ImageIndex>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const modes = await this.#prepare();
    await this.#index.update(change, {
      timeoutMs: this.#settings.lockTimeoutMs,
      signal,
      mode: modes.file,
      before: async () => {
        await this.#blobs.restore(this.#trash);
        await this.#blobs.sync();
      },
    });
  }

  async #lookup(): Promise<Lookup> {
    const index = await this.#index.read();
    return { index, store: this, blobs: this.#blobs, referrers: this.referrers, where: this.location };
  }

  async #prepare(): Promise<Modes> {
    this.#prepared ??= this.#makeDirectories();
    try {
      return await this.#prepared;
    } catch (error) {
      this.#prepared = undefined;
      throw diskError(error, "write to the layout", this.path);
    }
  }

  // Everything inside follows the mode of the layout's own directory: private in a private one, open to the group in a
  // group's. Never writable for others.
  async #makeDirectories(): Promise<Modes> {
    const created = await makeDirectory(this.path, this.#settings.mode ?? 0o755);
    const { mode } = await stat(this.path);
    const modes = { created, file: (mode & 0o664) | 0o600, directory: (mode & 0o775) | 0o700 };
    await this.#blobs.prepare(modes.directory);
    for (const dir of [join(this.path, PRIVATE), join(this.path, PRIVATE, "lock")]) {
      await makeDirectory(dir, modes.directory);
      if (((await stat(dir)).mode & 0o777) !== modes.directory) await chmod(dir, modes.directory).catch(() => {});
    }
    return modes;
  }
}

interface Modes {
  /** Whether the directory of the layout was made by this store. */
  readonly created: boolean;
  readonly file: number;
  readonly directory: number;
}

const ACCEPTS: Constraints = { foreignLayers: "optional", indexes: true };
/** Where the lock and temporary files are; image-layout.md lets a layout hold other files. */
const PRIVATE = ".gantry";
