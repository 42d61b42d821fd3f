import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder with its parents and answers the topmost that it made, or undefined when all were there.
 *
 * Node's own `recursive` never returns where a file system answers ENOENT for a folder whose parent is there, as /proc does:
 * it makes the parent again, for ever. Here the parent is made once.
 */
export async function makeFolders(path: string, mode = 0o777): Promise<string | undefined> {
  const missing: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    try {
      await mkdir(at, { mode });
      missing.push(at);
      break;
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      if (code === "EEXIST" && (await stat(at)).isDirectory()) break;
      if (code !== "ENOENT" || dirname(at) === at) throw error;
      missing.push(at);
    }
  }
  const first = missing.at(-1);
  for (const below of missing.toReversed()) {
    await mkdir(below, { mode }).catch((error: unknown) => {
      // Another process may have made it meanwhile.
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
  }
  return first;
}
