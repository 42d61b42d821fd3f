import { randomBytes } from "node:crypto";
import { chmod, type FileHandle, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf, patiently } from "./disk-error.js";
import { formatOwner, lifeOf, parseOwner, thisProcess } from "./owner.js";
import { makeFolders } from "../../streams/index.js";

/** A file that nobody else sees until it is published under its final name. */
export interface TempFile {
  readonly file: FileHandle;
  /**
   * Makes the content durable, unless told that its loss in a crash is harmless, and gives it its final name, atomically.
   * The name itself is durable after {@link syncDirectory}.
   */
  publish(path: string, mode: number, options?: { readonly durable?: boolean }): Promise<void>;
  /** Removes the file unless it was published. */
  close(): Promise<void>;
}

/**
 * Temporary files of a directory that only their owner can enter, on the file system of the final names. Their names
 * carry the process that made them, so that the next writer removes what a killed one left.
 */
export class TempFiles {
  readonly #dir: string;
  #swept: Promise<void> | undefined;

  constructor(dir: string) {
    // One directory a user: it is closed to others, and a layout may be shared.
    this.#dir = `${dir}-${process.getuid?.() ?? 0}`;
  }

  /** A new file with mode 0600. */
  async create(signal?: AbortSignal): Promise<TempFile> {
    await makeFolders(this.#dir, 0o700);
    await (this.#swept ??= this.#sweep());
    const path = join(this.#dir, `${formatOwner(await thisProcess())}-${randomBytes(8).toString("hex")}`);
    const file = await patiently(() => this.#open(path), signal);
    let published = false;
    let closed = false;
    const close = async () => {
      if (closed) return;
      closed = true;
      await file.close();
    };
    return {
      file,
      async publish(final, mode, { durable = true } = {}) {
        await file.chmod(mode);
        if (durable) await file.sync();
        await close();
        await rename(path, final);
        published = true;
      },
      async close() {
        await close().catch(() => {});
        if (!published) await unlink(path).catch(() => {});
      },
    };
  }

  /** Removes the directory where it is empty; a writer that still needs it makes it again. */
  async dispose(): Promise<void> {
    await rmdir(this.#dir).catch(() => {});
  }

  async #open(path: string): Promise<FileHandle> {
    try {
      return await open(path, "wx", 0o600);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      await makeFolders(this.#dir, 0o700);
      return await open(path, "wx", 0o600);
    }
  }

  async #sweep(): Promise<void> {
    // A foreign umask must not have opened it.
    await chmod(this.#dir, 0o700).catch(() => {});
    const self = await thisProcess();
    for (const name of await readdir(this.#dir)) {
      const path = join(this.#dir, name);
      const owner = parseOwner(name);
      const life = owner === undefined ? "unknown" : await lifeOf(owner, self);
      if (life === "alive") continue;
      const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
      if (life === "dead" || mtimeMs < Date.now() - ABANDONED_MS) await unlink(path).catch(() => {});
    }
  }
}

/** Makes the names of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const dir = await patiently(() => open(path, "r")).catch((error: unknown) => {
    // Windows opens no directories, and needs no such call.
    if (errnoOf(error) === "EISDIR" || errnoOf(error) === "EPERM") return undefined;
    throw error;
  });
  if (dir === undefined) return;
  try {
    await dir.sync();
  } catch (error) {
    if (errnoOf(error) !== "EINVAL" && errnoOf(error) !== "EPERM" && errnoOf(error) !== "ENOTSUP") throw error;
  } finally {
    await dir.close();
  }
}

/** Makes a directory and those above it; each new name is durable. False when it was there. */
export async function makeDirectory(path: string, mode: number): Promise<boolean> {
  const first = await makeFolders(path, mode);
  if (first === undefined) return false;
  for (let at = path; ; at = dirname(at)) {
    await syncDirectory(dirname(at));
    if (at === first || at === dirname(at)) return true;
  }
}

/** What nobody has written to for so long, on a machine we cannot ask, is abandoned. */
const ABANDONED_MS = 60 * 60 * 1000;
