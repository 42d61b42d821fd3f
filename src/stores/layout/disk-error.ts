import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors.js";

/** The errno name of a file system error, such as `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/**
 * Gives a file system error the name that it has in gantry: a full disk (quota and file size limit included), a place
 * that may not be written, anything else. What already is a GantryError, and an abort, pass unchanged.
 */
export function diskError(error: unknown, doing: string, path: string): unknown {
  if (GantryError.is(error)) return error;
  const errno = errnoOf(error);
  if (errno === undefined || !/^E[A-Z0-9]+$/.test(errno)) return error;
  switch (errno) {
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return new GantryError("DISK_FULL", `no room to ${doing} (${errno})`, {
        where: path,
        hint: errno === "EFBIG" ? "A file size limit is set (ulimit -f)." : "Free some space, or choose another disk.",
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new GantryError("IO", `not allowed to ${doing} (${errno})`, {
        where: path,
        hint: "Check who owns the directory and its mode.",
        cause: error,
      });
    case "EROFS":
      return new GantryError("IO", `cannot ${doing}: the file system is read-only (EROFS)`, {
        where: path,
        cause: error,
      });
    default:
      return new GantryError("IO", `cannot ${doing} (${errno})`, { where: path, cause: error });
  }
}

/**
 * Runs a step that opens a file, and waits where the process or the machine has no descriptor left: others are closing
 * theirs meanwhile. Gives up after about ten seconds.
 */
export async function patiently<T>(step: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const errno = errnoOf(error);
      if ((errno !== "EMFILE" && errno !== "ENFILE") || attempt >= 40) throw error;
      await sleep(Math.min(10 * 2 ** attempt, 250) * (0.5 + Math.random()), undefined, signal ? { signal } : {});
    }
  }
}
