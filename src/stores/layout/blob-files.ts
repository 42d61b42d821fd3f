import { type Stats, type Dirent } from "node:fs";
import { open, readdir, rename, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../../errors.js";
import {
  algorithmOf,
  type Descriptor,
  type Digest,
  type DigestAlgorithm,
  hexOf,
  isDigest,
  parseDigest,
} from "../../spec/index.js";
import { type Body, checkHash, Hasher, verified } from "../../streams/index.js";
import { diskError, errnoOf, patiently } from "./disk-error.js";
import { makeDirectory, syncDirectory, type TempFile, type TempFiles } from "./temp-files.js";

/** What a blob on its way in has to be; without a digest it is named by what was read. */
export interface Incoming {
  readonly digest?: Digest | undefined;
  readonly size?: number | undefined;
}

/** How a blob is written. */
export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onBytes?: ((count: number) => void) | undefined;
  /** The mode of the file when it is done. */
  readonly mode: number;
}

/**
 * The content-addressed files under `blobs/` (image-layout.md, "Blobs"). A name appears there only when the whole
 * content has been checked and is durable.
 */
export class BlobFiles {
  readonly #dir: string;
  readonly #temp: TempFiles;

  constructor(dir: string, temp: TempFiles) {
    this.#dir = dir;
    this.#temp = temp;
  }

  /** The file of a blob, whether it is there or not. @throws GantryError DIGEST_INVALID, so that no text becomes a path (CVE-2024-3727) */
  path(digest: Digest): string {
    const checked = parseDigest(digest);
    return join(this.#dir, algorithmOf(checked), hexOf(checked));
  }

  /** The size of the blob's file, or undefined where there is none. Links are followed, as Bazel's layouts hold them. */
  async size(digest: Digest): Promise<number | undefined> {
    return (await this.#stat(digest))?.size;
  }

  /** When the blob was last put or wanted. */
  async age(digest: Digest): Promise<number | undefined> {
    const stats = await this.#stat(digest);
    return stats === undefined ? undefined : Date.now() - stats.mtimeMs;
  }

  /**
   * Marks a blob as wanted now, so that a collection of garbage leaves it. False when it is no longer there: a collector
   * that took it a moment before looks at this mark again and puts it back, or the caller has to write it again.
   */
  async touch(digest: Digest): Promise<boolean> {
    try {
      const now = new Date();
      await utimes(this.path(digest), now, now);
      return true;
    } catch (error) {
      // Another user's blob in a shared directory: it is there, and its owner's collection decides.
      return errnoOf(error) !== "ENOENT" && (await this.size(digest)) !== undefined;
    }
  }

  /** The bytes of a blob, checked while they are read from the start. */
  body(descriptor: Descriptor, where: string): Body {
    const path = this.path(descriptor.digest);
    const { size } = descriptor;
    const check = async () => {
      const actual = await this.size(descriptor.digest);
      if (actual === undefined) throw absent(descriptor.digest, where);
      if (actual === size) return;
      throw new GantryError("SIZE_MISMATCH", `the blob has ${actual} bytes where ${size} were promised`, {
        where: path,
        hint: "The layout is damaged; copy the image into it again.",
        facts: { digest: descriptor.digest, expected: size, got: actual },
      });
    };
    return {
      size,
      async *open({ start = 0, signal } = {}) {
        signal?.throwIfAborted();
        await check();
        const bytes = readPatiently(path, size, start, signal);
        try {
          yield* start === 0 ? verified(bytes, descriptor, path) : bytes;
        } catch (error) {
          throw diskError(error, "read a blob", path);
        }
      },
    };
  }

  /**
   * Writes a blob: to a private file, hashed on the way, durable, then under its name. When it fails nothing stays.
   *
   * @throws GantryError DIGEST_MISMATCH, SIZE_MISMATCH, DISK_FULL, IO
   */
  async write(wanted: Incoming, body: Body, options: WriteOptions): Promise<{ digest: Digest; size: number }> {
    // Only errors of this side get a path of this side: what the source throws passes as it is.
    const ours = (error: unknown): never => {
      throw diskError(error, "write a blob", this.#dir);
    };
    const temp = await this.#temp.create(options.signal).catch(ours);
    try {
      const hasher = new Hasher(wanted.digest === undefined ? "sha256" : algorithmOf(wanted.digest));
      for await (const chunk of body.open({ signal: options.signal })) {
        options.signal?.throwIfAborted();
        if (wanted.size !== undefined && hasher.size + chunk.byteLength > wanted.size) {
          hasher.update(chunk);
          checkHash(hasher, { digest: wanted.digest ?? hasher.digest, size: wanted.size }, this.#dir);
        }
        // The thread pool writes while this thread hashes.
        const written = writeAll(temp, chunk);
        hasher.update(chunk);
        await written.catch(ours);
        options.onBytes?.(chunk.byteLength);
      }
      const { digest, size } = hasher;
      checkHash(hasher, { digest: wanted.digest ?? digest, size: wanted.size }, this.#dir);
      const path = this.path(digest);
      await temp.publish(path, options.mode).catch(ours);
      return { digest, size };
    } finally {
      await temp.close();
    }
  }

  /** Makes the directory of an algorithm: sha256 for all, sha512 for who has need of it. */
  async prepare(mode: number, algorithm: DigestAlgorithm = "sha256"): Promise<void> {
    await makeDirectory(join(this.#dir, algorithm), mode);
  }

  /** Makes the names of all blobs written so far durable. */
  async sync(): Promise<void> {
    for (const algorithm of ALGORITHMS) await syncDirectory(join(this.#dir, algorithm)).catch(unlessAbsent);
  }

  /** Every blob; files with other names are nobody's business here. */
  async *list(): AsyncGenerator<Digest, void, undefined> {
    for (const algorithm of ALGORITHMS) {
      const entries: Dirent[] = await readdir(join(this.#dir, algorithm), { withFileTypes: true }).catch(unlessAbsent);
      for (const entry of entries) {
        const digest = `${algorithm}:${entry.name}`;
        if (isDigest(digest) && !entry.isDirectory()) yield digest;
      }
    }
  }

  /**
   * Removes a blob that has not been wanted for `olderThanMs`; answers the bytes freed. The blob is moved to `trash`
   * before the last look at its age, so that a writer either finds it gone or is seen to have touched it.
   */
  async remove(digest: Digest, olderThanMs: number, trash: string): Promise<number | undefined> {
    const age = await this.age(digest);
    if (age === undefined || age < olderThanMs) return undefined;
    const path = this.path(digest);
    const aside = join(trash, `${algorithmOf(digest)}-${hexOf(digest)}${REMOVED}`);
    try {
      await rename(path, aside);
      const stats = await stat(aside).catch(() => undefined);
      if (stats !== undefined && Date.now() - stats.mtimeMs < olderThanMs) {
        await rename(aside, path);
        return undefined;
      }
      await unlink(aside);
      return stats?.size ?? 0;
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return undefined;
      throw diskError(error, "remove a blob", path);
    }
  }

  /** Puts back what a collector had moved away when it was killed: it may have been wanted. The caller holds the lock. */
  async restore(trash: string): Promise<void> {
    for (const name of await readdir(trash).catch(unlessAbsent)) {
      if (!name.endsWith(REMOVED)) continue;
      const digest = name.slice(0, -REMOVED.length).replace("-", ":");
      if (isDigest(digest)) await rename(join(trash, name), this.path(digest));
    }
  }

  async #stat(digest: Digest): Promise<Stats | undefined> {
    const path = this.path(digest);
    try {
      const stats = await patiently(() => stat(path));
      // Reading a pipe or a device would never end.
      return stats.isFile() ? stats : undefined;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
      throw diskError(error, "read a blob", path);
    }
  }
}

/** The error for content that a layout may lack (image-layout.md allows it: "sparse" layouts). */
export function absent(digest: Digest, where: string): GantryError {
  return new GantryError("BLOB_UNKNOWN", `blob ${digest} is not in the layout`, { where, facts: { digest } });
}

const REMOVED = ".removed";
const ALGORITHMS = ["sha256", "sha512"] as const;

async function* readPatiently(
  path: string,
  size: number,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (start >= size) return;
  // Opened here, where a shortage of descriptors can be waited out before the first byte.
  const file = await patiently(() => open(path, "r"), signal);
  const options = { start, end: size - 1, highWaterMark: CHUNK, ...(signal === undefined ? {} : { signal }) };
  for await (const chunk of file.createReadStream(options) as AsyncIterable<Buffer>) {
    yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

const CHUNK = 256 * 1024;

async function writeAll(temp: TempFile, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.byteLength; ) {
    at += (await temp.file.write(chunk, at, chunk.byteLength - at)).bytesWritten;
  }
}

function unlessAbsent(error: unknown): [] {
  if (errnoOf(error) === "ENOENT") return [];
  throw error;
}
