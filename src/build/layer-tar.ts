import { readAll, type TarInput, writeTar } from "../streams/index.js";
import { bytesOf, type FileEntry, textOf } from "./file-entry.js";
import type { SourceReader } from "./read-source.js";

/**
 * The layer's tar: a function of its entries and their content, and of nothing else. Small files are read some way
 * ahead, so that a tree of thousands of them does not wait for the disk one by one.
 */
export function layerTar(
  entries: readonly FileEntry[],
  read: SourceReader,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  return writeTar(inputs(entries, read, signal), { signal });
}

/** What counts as small, and how many of them wait in memory (1 MiB) and hold a file open at most. */
const SMALL = 64 * 1024;
const AHEAD = 16;

async function* inputs(
  entries: readonly FileEntry[],
  read: SourceReader,
  signal: AbortSignal | undefined,
): AsyncGenerator<TarInput, void, undefined> {
  const ahead = new Map<FileEntry, Promise<Uint8Array>>();
  let next = 0;
  for (const [i, entry] of entries.entries()) {
    for (; next < entries.length && next <= i + AHEAD; next++) {
      const file = entries[next]!;
      if (file.type !== "file" || file.stamp.size > SMALL) continue;
      const bytes = readAll(read(file, signal), SMALL, file.shown);
      bytes.catch(() => {}); // it is awaited below, or never when an earlier one failed
      ahead.set(file, bytes);
    }
    const small = ahead.get(entry);
    ahead.delete(entry);
    yield tarInput(
      entry,
      entry.type === "file" ? (small === undefined ? read(entry, signal) : only(small)) : undefined,
    );
  }
}

function tarInput(entry: FileEntry, body: AsyncIterable<Uint8Array> | undefined): TarInput {
  const { mode, uid, gid, mtime, type } = entry;
  // Names of users and groups are left out: they belong to the machine, and ids are what counts.
  const common = { name: textOf(entry.path), rawName: bytesOf(entry.path), type, mode, uid, gid, mtime };
  if (entry.type === "symlink")
    return { ...common, linkName: textOf(entry.target), rawLinkName: bytesOf(entry.target) };
  if (entry.type === "directory") {
    const path = `${entry.path}/`;
    return { ...common, name: textOf(path), rawName: bytesOf(path) };
  }
  return { ...common, size: entry.stamp.size, body };
}

async function* only(bytes: Promise<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield await bytes;
}
