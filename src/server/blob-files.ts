import { type FileHandle, open, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { algorithmOf, type Digest, hexOf, isDigest } from "../spec/index.js";
import { type DurableFiles, isMissing } from "./durable-files.js";
import { KeyLock } from "./key-lock.js";
import { namesIn } from "./page.js";

/**
 * Blobs on disk: the bytes once, in `blobs/ALGORITHM/XX/HEX`, and for each repository that holds them an empty file
 * `links/ALGORITHM/XX/HEX/REPOSITORY`. A blob can be seen through a repository that links it and through no other
 * (CVE-2024-39897, CVE-2026-35172); when the last link goes, the bytes go.
 */
export class BlobFiles {
  readonly #root: string;
  readonly #files: DurableFiles;
  readonly #lock = new KeyLock();

  constructor(root: string, files: DurableFiles) {
    this.#root = root;
    this.#files = files;
  }

  /** The length of a blob of this repository; undefined when the repository has no such blob. */
  async size(repository: string, digest: Digest): Promise<number | undefined> {
    try {
      await stat(this.#link(repository, digest));
      return (await stat(this.#bytes(digest))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Opens a blob of this repository. Whoever asks has to close it. */
  async open(repository: string, digest: Digest): Promise<{ file: FileHandle; size: number } | undefined> {
    let file: FileHandle | undefined;
    try {
      await stat(this.#link(repository, digest));
      file = await open(this.#bytes(digest), "r");
      return { file, size: (await file.stat()).size };
    } catch (error) {
      await file?.close();
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Takes a verified and synced file over as the blob `digest`, seen from `repository`. Replaces bytes that are there. */
  async adopt(repository: string, digest: Digest, from: string): Promise<void> {
    await this.#lock.run(digest, async () => {
      const to = this.#bytes(digest);
      await this.#files.ensureFolder(dirname(to));
      await this.#files.move(from, to);
      await this.#addLink(repository, digest);
    });
  }

  /** Lets `repository` see bytes that another one has. Answers false when `from` does not have them (any more). */
  async mount(repository: string, digest: Digest, from: string): Promise<boolean> {
    return this.#lock.run(digest, async () => {
      if ((await this.size(from, digest)) === undefined) return false;
      await this.#addLink(repository, digest);
      return true;
    });
  }

  /** Takes a blob out of a repository, and off the disk when that was the last one. Answers false when it was not there. */
  async remove(repository: string, digest: Digest): Promise<boolean> {
    return this.#lock.run(digest, async () => {
      const link = this.#link(repository, digest);
      if (!(await this.#files.remove(link))) return false;
      if (await this.isHeld(digest)) return true;
      await rm(this.#bytes(digest), { force: true });
      await rmdir(dirname(link)).catch(() => undefined);
      return true;
    });
  }

  /** The repositories that hold a blob, in no order. */
  async *holders(digest: Digest): AsyncGenerator<string, void, undefined> {
    for await (const name of namesIn(dirname(this.#link("x", digest)))) yield name.replaceAll("+", "/");
  }

  /** Whether any repository holds the blob. */
  async isHeld(digest: Digest): Promise<boolean> {
    for await (const _ of this.holders(digest)) return true;
    return false;
  }

  /** Every blob whose bytes are here, held or not, in no order. */
  async *all(): AsyncGenerator<Digest, void, undefined> {
    for (const algorithm of ["sha256", "sha512"] as const) {
      const folder = join(this.#root, "blobs", algorithm);
      for await (const start of namesIn(folder)) {
        for await (const hex of namesIn(join(folder, start))) {
          const digest = `${algorithm}:${hex}`;
          if (isDigest(digest)) yield digest;
        }
      }
    }
  }

  /** Removes bytes that no repository holds. Answers their number; undefined when they are held, or not here. */
  async removeUnheld(digest: Digest): Promise<number | undefined> {
    return this.#lock.run(digest, async () => {
      if (await this.isHeld(digest)) return undefined;
      try {
        const { size } = await stat(this.#bytes(digest));
        await rm(this.#bytes(digest));
        return size;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    });
  }

  async #addLink(repository: string, digest: Digest): Promise<void> {
    const link = this.#link(repository, digest);
    await this.#files.ensureFolder(dirname(link));
    await this.#files.touch(link);
  }

  #bytes(digest: Digest): string {
    return join(this.#root, "blobs", ...parts(digest));
  }

  #link(repository: string, digest: Digest): string {
    // "+" is in no repository name, so this is one to one and no longer than the name.
    return join(this.#root, "links", ...parts(digest), repository.replaceAll("/", "+"));
  }
}

function parts(digest: Digest): [string, string, string] {
  const hex = hexOf(digest);
  return [algorithmOf(digest), hex.slice(0, 2), hex];
}
