import { randomBytes } from "node:crypto";
import { chmod, open, rename, rm } from "node:fs/promises";

/** How a file is replaced. */
export interface ReplaceOptions {
  /** Of the new file, whatever the umask is. */
  readonly mode?: number;
  /** False where losing the file to a power cut costs nothing. */
  readonly sync?: boolean;
}

/**
 * Puts a small file in the place of another, or where none was: written beside it under a name of its own, synced, and
 * renamed, so that a reader sees the old or the new and never a part. (The library for this cannot be bundled into an ES
 * module: docs/decisions/002-replace-file.md.)
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode = 0o666, sync = true }: ReplaceOptions = {},
): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`;
  // No wider than its owner until it is complete: the umask may be open.
  const file = await open(temporary, "wx", 0o600);
  try {
    try {
      await file.writeFile(content);
      if (sync) await file.sync();
    } finally {
      await file.close();
    }
    if (mode !== 0o600) await chmod(temporary, mode & ~process.umask());
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
