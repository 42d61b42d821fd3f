import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../errors.js";
import { bytesOf, type FileEntry, type FileStamp } from "./file-entry.js";

/** A file of a layer. */
export type FileOfLayer = Extract<FileEntry, { type: "file" }>;

/** How a build reads the content of its sources; a test counts with it. */
export type SourceReader = (file: FileOfLayer, signal?: AbortSignal) => AsyncIterable<Uint8Array>;

/**
 * Reads a file that has to stay as it was listed: size, times and inode are compared with the listing's after
 * the last byte. A file that grows or is replaced while it is read would otherwise end up in the layer torn, and as if
 * nothing had happened.
 *
 * @throws GantryError SOURCE_CHANGED naming the file, IO when it cannot be read
 */
export async function* readSource(
  file: FileOfLayer,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { size } = file.stamp;
  // The listing saw a file: what is a link by now, or a pipe that nobody writes to, is not to be opened.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const handle = await openPatiently(bytesOf(file.source), flags).catch((cause: unknown) => {
    throw cannotRead(file, cause);
  });
  try {
    for (let at = 0; at < size; ) {
      signal?.throwIfAborted();
      // New memory each time: a chunk that was handed over belongs to its reader.
      const chunk = new Uint8Array(Math.min(CHUNK, size - at));
      const { bytesRead } = await handle.read(chunk, 0, chunk.byteLength, at).catch((cause: unknown) => {
        throw cannotRead(file, cause);
      });
      if (bytesRead === 0) throw changed(file);
      at += bytesRead;
      yield chunk.subarray(0, bytesRead);
    }
    compare(file, await handle.stat({ bigint: true }));
  } finally {
    await handle.close();
  }
}

const CHUNK = 256 * 1024;

/** Where few files may be open at once, ours are closed again in a moment. */
async function openPatiently(path: Buffer, flags: number): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open(path, flags);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== "EMFILE" && code !== "ENFILE") || attempt === MOST_ATTEMPTS) throw error;
      await sleep(10 * attempt);
    }
  }
}

/** Four seconds in all. */
const MOST_ATTEMPTS = 28;

function compare(file: FileOfLayer, now: BigIntStats): void {
  const then: FileStamp = file.stamp;
  const same =
    now.isFile() &&
    Number(now.size) === then.size &&
    now.mtimeNs === then.mtimeNs &&
    now.ctimeNs === then.ctimeNs &&
    now.ino === then.ino &&
    now.dev === then.dev;
  if (!same) throw changed(file);
}

function changed(file: FileOfLayer): GantryError {
  return new GantryError("SOURCE_CHANGED", `${file.shown} changed while it was read`, {
    hint: "Nothing was written; build again when nobody writes to it.",
    facts: { path: file.shown },
  });
}

function cannotRead(file: FileOfLayer, cause: unknown): GantryError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
  if (code === "ENOENT" || code === "ELOOP") return changed(file);
  return new GantryError("IO", `cannot read ${file.shown}: ${code}`, {
    hint: code === "EACCES" ? "Give the user who builds the right to read it." : undefined,
    facts: { path: file.shown },
    cause,
  });
}
