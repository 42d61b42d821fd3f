import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, rm, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolders } from "../streams/index.js";

/**
 * Files that are there after kill -9 or a power cut once a call has returned: written under a temporary name, synced,
 * renamed, and the folder that names them synced too (what dpkg, git and etcd do; a rename alone may be lost).
 */
export class DurableFiles {
  readonly #scratch: string;
  readonly #durable: boolean;

  /** @param durable false leaves the syncs out: what is acknowledged survives kill -9, not a power cut */
  constructor(scratch: string, durable: boolean) {
    this.#scratch = scratch;
    this.#durable = durable;
  }

  /** Makes a folder and its parents, and their names durable. */
  async ensureFolder(path: string): Promise<void> {
    const first = await makeFolders(path);
    if (first === undefined) return;
    for (let at = path; at.length >= first.length; at = dirname(at)) await this.syncFolder(dirname(at));
  }

  /** Writes a file that is synced and has no name yet that counts; {@link place} or {@link move} gives it one. */
  async prepare(...bytes: readonly Uint8Array[]): Promise<string> {
    const temporary = join(this.#scratch, randomUUID());
    const file = await open(temporary, "wx");
    try {
      await file.writev(bytes);
      await this.sync(file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    return temporary;
  }

  /** Renames over `to` in one step: a reader sees the old content or the new. Durable when the folder has been synced. */
  async place(from: string, to: string): Promise<void> {
    await rename(from, to);
  }

  /** Renames over `to`, durably. The content of `from` has to be synced. */
  async move(from: string, to: string): Promise<void> {
    await rename(from, to);
    await this.syncFolder(dirname(to));
  }

  /** Creates an empty file, whose name is all it says. */
  async touch(path: string): Promise<void> {
    await (await open(path, "a")).close();
    await this.syncFolder(dirname(path));
  }

  /** Removes a name. Answers false when it was not there. */
  async remove(path: string): Promise<boolean> {
    try {
      await unlink(path);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    await this.syncFolder(dirname(path));
    return true;
  }

  async sync(file: FileHandle): Promise<void> {
    if (this.#durable) await file.sync();
  }

  async syncFolder(path: string): Promise<void> {
    if (!this.#durable) return;
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } catch (error) {
      // Windows and some network file systems cannot sync a folder; they make renames durable by themselves or not at all.
      if (!["EPERM", "EINVAL", "EISDIR", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    } finally {
      await folder.close();
    }
  }
}

/** True when a file operation failed because the path, or a folder on its way, is not there. */
export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOENT" || code === "ENOTDIR";
}
