import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { algorithmOf, type Descriptor, type Digest, digestFrom, hexOf, isDigest, isRepository } from "../spec/index.js";
import { type DurableFiles, isMissing } from "./durable-files.js";
import { KeyLock } from "./key-lock.js";
import { namesIn } from "./page.js";
import { tagFile, tagOfFile } from "./tag-file.js";

/** A manifest with the media type that it was pushed as. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** What {@link RepositoryFiles.put} writes. */
export interface NewManifest extends StoredManifest {
  readonly digest: Digest;
  readonly tags: readonly string[];
  /** Set when the manifest has a subject: whom it refers to, and what the referrers API says of it. */
  readonly refersTo?: { readonly subject: Digest; readonly descriptor: Descriptor };
}

/** A file that is written and waits for its name. */
interface Placing {
  readonly folder: string;
  readonly name: string;
  readonly prepared: string;
}

/**
 * Manifests, tags and referrers on disk, below `repositories/NAME/`. The folders' names begin with an underscore,
 * which no part of a repository name does, so `a` and `a/_tags` cannot meet.
 *
 *     _manifests/ALGORITHM/HEX                 the media type, a newline, the exact bytes
 *     _tags/TAG                                a digest (upper case: tag-file.ts)
 *     _referrers/ALGORITHM/HEX/ALGORITHM-HEX   the descriptor of one referrer of a subject
 */
export class RepositoryFiles {
  readonly #root: string;
  readonly #files: DurableFiles;
  readonly #lock = new KeyLock();

  constructor(root: string, files: DurableFiles) {
    this.#root = join(root, "repositories");
    this.#files = files;
  }

  async manifest(repository: string, digest: Digest): Promise<StoredManifest | undefined> {
    const content = await read(this.#manifestPath(repository, digest));
    if (content === undefined) return undefined;
    const end = content.indexOf(0x0a);
    return { mediaType: content.subarray(0, end).toString("latin1"), bytes: content.subarray(end + 1) };
  }

  /** Media type and length without reading the bytes. */
  async describe(repository: string, digest: Digest): Promise<{ mediaType: string; size: number } | undefined> {
    try {
      const file = await open(this.#manifestPath(repository, digest), "r");
      try {
        const head = Buffer.alloc(256);
        const { bytesRead } = await file.read(head, 0, head.length, 0);
        const end = head.subarray(0, bytesRead).indexOf(0x0a);
        return { mediaType: head.subarray(0, end).toString("latin1"), size: (await file.stat()).size - end - 1 };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async resolve(repository: string, tag: string): Promise<Digest | undefined> {
    const text = (await read(this.#tagPath(repository, tag)))?.toString("latin1");
    return text !== undefined && isDigest(text) ? text : undefined;
  }

  /** True when something was ever pushed here. */
  async exists(repository: string): Promise<boolean> {
    for await (const _ of namesIn(this.#path(repository, "_manifests"))) return true;
    return false;
  }

  /**
   * Writes content first, names last: a crash in between leaves no tag without its manifest. The bytes are on the disk
   * before the repository is locked, so that pushes of many tags wait for each other's renames only.
   *
   * @param check runs with the repository locked, before anything is visible; what it throws ends the put
   */
  async put(repository: string, put: NewManifest, check: () => Promise<void>): Promise<void> {
    const content: Placing[] = [];
    const names: Placing[] = [];
    const add = async (to: Placing[], folder: string, name: string, ...bytes: Uint8Array[]): Promise<void> => {
      await this.#files.ensureFolder(folder);
      to.push({ folder, name, prepared: await this.#files.prepare(...bytes) });
    };
    try {
      const { digest, refersTo } = put;
      const header = Buffer.from(`${put.mediaType}\n`, "latin1");
      const manifests = this.#path(repository, "_manifests", algorithmOf(digest));
      await add(content, manifests, hexOf(digest), header, put.bytes);
      if (refersTo !== undefined) {
        const entry = Buffer.from(JSON.stringify(refersTo.descriptor));
        await add(content, this.#referrersFolder(repository, refersTo.subject), digest.replace(":", "-"), entry);
      }
      const tags = this.#path(repository, "_tags");
      for (const tag of put.tags) await add(names, tags, tagFile(tag), Buffer.from(digest));
      await this.#lock.run(repository, async () => {
        await check();
        await this.#place(content);
        await this.#place(names);
      });
    } finally {
      for (const { prepared } of [...content, ...names]) await rm(prepared, { force: true });
    }
  }

  async #place(files: readonly Placing[]): Promise<void> {
    for (const { folder, name, prepared } of files) await this.#files.place(prepared, join(folder, name));
    for (const folder of new Set(files.map((file) => file.folder))) await this.#files.syncFolder(folder);
  }

  /** Removes a tag and nothing else. Answers false when it was not there. */
  async removeTag(repository: string, tag: string, check: () => Promise<void>): Promise<boolean> {
    return this.#lock.run(repository, async () => {
      await check();
      return this.#files.remove(this.#tagPath(repository, tag));
    });
  }

  /**
   * Removes a manifest, its tags in this repository, and what makes it a referrer. Answers false when it was not there.
   *
   * @param check is told the tags that will go
   */
  async removeManifest(
    repository: string,
    digest: Digest,
    subject: Digest | undefined,
    check: (tags: readonly string[]) => Promise<void>,
  ): Promise<boolean> {
    return this.#lock.run(repository, async () => {
      const tags: string[] = [];
      for await (const tag of this.tags(repository)) {
        if ((await this.resolve(repository, tag)) === digest) tags.push(tag);
      }
      await check(tags);
      for (const tag of tags) await this.#files.remove(this.#tagPath(repository, tag));
      if (subject !== undefined) {
        const entry = join(this.#referrersFolder(repository, subject), digest.replace(":", "-"));
        await rm(entry, { force: true });
      }
      return this.#files.remove(this.#manifestPath(repository, digest));
    });
  }

  /** Every tag, in no order. */
  async *tags(repository: string): AsyncGenerator<string, void, undefined> {
    for await (const name of namesIn(this.#path(repository, "_tags"))) yield tagOfFile(name);
  }

  /** The digests of a subject's referrers, each as `ALGORITHM-HEX`, in no order. */
  referrers(repository: string, subject: Digest): AsyncGenerator<string, void, undefined> {
    return namesIn(this.#referrersFolder(repository, subject));
  }

  /** The descriptor that the referrers API answers for one name of {@link referrers}. */
  async referrer(repository: string, subject: Digest, name: string): Promise<Descriptor | undefined> {
    const bytes = await read(join(this.#referrersFolder(repository, subject), name));
    return bytes === undefined ? undefined : (JSON.parse(bytes.toString("utf8")) as Descriptor);
  }

  /** Every repository that holds a manifest, in no order. */
  async *repositories(): AsyncGenerator<string, void, undefined> {
    const rest = [""];
    for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
      for await (const name of namesIn(join(this.#root, at))) {
        const path = at === "" ? name : `${at}/${name}`;
        if (name === "_manifests") {
          if (await this.#holdsManifest(at)) yield at;
        } else if (isRepository(path)) rest.push(path);
      }
    }
  }

  /** The digests of every manifest of a repository, in no order. */
  async *manifests(repository: string): AsyncGenerator<Digest, void, undefined> {
    for (const algorithm of ["sha256", "sha512"] as const) {
      for await (const hex of namesIn(this.#path(repository, "_manifests", algorithm))) {
        const digest = `${algorithm}:${hex}`;
        if (isDigest(digest)) yield digestFrom(algorithm, hex);
      }
    }
  }

  async #holdsManifest(repository: string): Promise<boolean> {
    for await (const _ of this.manifests(repository)) return true;
    return false;
  }

  #path(repository: string, ...below: readonly string[]): string {
    return join(this.#root, repository, ...below);
  }

  #manifestPath(repository: string, digest: Digest): string {
    return this.#path(repository, "_manifests", algorithmOf(digest), hexOf(digest));
  }

  #tagPath(repository: string, tag: string): string {
    return this.#path(repository, "_tags", tagFile(tag));
  }

  #referrersFolder(repository: string, subject: Digest): string {
    return this.#path(repository, "_referrers", algorithmOf(subject), hexOf(subject));
  }
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
