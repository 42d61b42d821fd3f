import { type BigIntStats } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { GantryError } from "../errors.js";
import type { Platform } from "../spec/index.js";
import type { TarTime } from "../streams/index.js";
import { type ByteString, bytesOf, type FileEntry, type FileStamp, textOf, toByteString } from "./file-entry.js";
import type { FileMapping, LayerPlan } from "./plan.js";
import { findSource } from "./source-path.js";

/** Options of {@link collectFiles}. */
export interface CollectOptions {
  /** What sources are relative to. */
  readonly directory: string;
  readonly platform: Platform;
  /** The time of every entry, in seconds since 1970, where the layer does not say another. */
  readonly epoch: number;
  readonly signal?: AbortSignal | undefined;
}

/** An entry, and who asked for it: undefined for a directory that is only somebody's parent. */
interface Placed {
  readonly entry: FileEntry;
  readonly by: { readonly shown: string; readonly at: string } | undefined;
}

/**
 * Lists what a layer consists of, sorted bytewise with parents first, so that neither the order of a directory nor the
 * locale shows. Nothing of this machine gets in: ids are the layer's, times the build's, permissions 0755 or 0644 by
 * the owner's executable bit whatever the umask was. Hard links become separate files: whether two names share an
 * inode is an accident of how the tree came here. Links inside a directory stay links, wherever they lead. No content
 * is read.
 *
 * A later mapping wins over an earlier one, file by file, as a later COPY would.
 *
 * @throws GantryError FILE_NOT_FOUND; PLAN_INVALID for a file in the place of a directory; UNSUPPORTED for sockets,
 *   pipes, devices, and names that mean "deleted" in a layer
 */
export async function collectFiles(layer: LayerPlan, options: CollectOptions): Promise<FileEntry[]> {
  const excluded = await matcherOf(layer.exclude);
  const placed = new Map<ByteString, Placed>();
  const defaultTime: TarTime = {
    seconds: typeof layer.mtime === "number" ? layer.mtime : options.epoch,
    nanoseconds: 0,
  };
  const timeOf = (stat: BigIntStats): TarTime =>
    // Whole seconds: what one file system rounds another keeps.
    layer.mtime === "keep" ? { seconds: Number(stat.mtimeNs / 1_000_000_000n), nanoseconds: 0 } : defaultTime;

  for (const mapping of layer.files) {
    options.signal?.throwIfAborted();
    await collectMapping(mapping);
  }
  return [...placed.values()].map(({ entry }) => entry).sort((a, b) => (a.path < b.path ? -1 : 1));

  async function collectMapping(mapping: FileMapping): Promise<void> {
    const source = await findSource(mapping, options.directory, options.platform);
    const by = { shown: source.shown, at: mapping.at };
    const stat = await lstat(source.path, { bigint: true });
    const destination = toByteString(mapping.destination.replace(/^\/|\/$/g, ""));
    if (stat.isDirectory()) {
      if (destination !== "")
        place({ ...metadata(destination, stat), type: "directory", mode: directoryMode(destination, stat) }, by);
      await walk(toByteString(source.path), destination, source.shown.replace(/\/+$/, ""), by);
      return;
    }
    const name = basename(source.shown);
    if (excluded(name)) return;
    const into = mapping.destination.endsWith("/");
    const path = into ? join(destination, toByteString(name)) : destination;
    await placeLeaf(toByteString(source.path), path, stat, source.shown, by);
  }

  async function walk(root: ByteString, destination: ByteString, shown: string, by: Placed["by"]): Promise<void> {
    const pending: ByteString[] = [""];
    for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
      options.signal?.throwIfAborted();
      const names = (await reading(shown, readdir(bytesOf(join(root, below)), { encoding: "buffer" }))).map((name) =>
        name.toString("latin1"),
      );
      const wanted = names.map((name) => join(below, name)).filter((path) => !excluded(textOf(path)));
      for (let i = 0; i < wanted.length; i += AT_ONCE) {
        const some = wanted.slice(i, i + AT_ONCE);
        const stats = await reading(
          shown,
          Promise.all(some.map((path) => lstat(bytesOf(join(root, path)), { bigint: true }))),
        );
        for (const [j, path] of some.entries()) {
          const stat = stats[j]!;
          const target = join(destination, path);
          if (!stat.isDirectory()) {
            await placeLeaf(join(root, path), target, stat, `${shown}/${textOf(path)}`, by);
            continue;
          }
          place({ ...metadata(target, stat), type: "directory", mode: directoryMode(target, stat) }, by);
          pending.push(path);
        }
      }
    }
  }

  async function placeLeaf(
    source: ByteString,
    path: ByteString,
    stat: BigIntStats,
    shown: string,
    by: Placed["by"],
  ): Promise<void> {
    if (stat.isSymbolicLink()) {
      const target = await reading(shown, readlink(bytesOf(source), { encoding: "buffer" }));
      place({ ...metadata(path, stat), type: "symlink", mode: 0o777, target: target.toString("latin1") }, by);
      return;
    }
    if (!stat.isFile()) {
      const kind = stat.isSocket() ? "a socket" : stat.isFIFO() ? "a pipe" : "a device";
      throw new GantryError("UNSUPPORTED", `${shown} is ${kind}, which a layer cannot hold`, {
        where: by?.at,
        hint: "Leave it out with exclude.",
      });
    }
    const usual = (stat.mode & 0o100n) === 0n ? 0o644 : 0o755;
    const mode = layer.fileMode === "keep" ? ownMode(stat) : (layer.fileMode ?? usual);
    place({ ...metadata(path, stat), type: "file", mode, source, shown, stamp: stampOf(stat) }, by);
  }

  function directoryMode(path: ByteString, stat: BigIntStats): number {
    return layer.directoryMode === "keep" ? ownMode(stat) : (layer.directoryMode ?? USUAL_MODES[path] ?? 0o755);
  }

  function metadata(path: ByteString, stat: BigIntStats): Pick<FileEntry, "path" | "uid" | "gid" | "mtime"> {
    return { path, ...layer.owner, mtime: timeOf(stat) };
  }

  function place(entry: FileEntry, by: Placed["by"]): void {
    const name = entry.path.slice(entry.path.lastIndexOf("/") + 1);
    if (name.startsWith(".wh.")) {
      throw new GantryError(
        "UNSUPPORTED",
        `a file named ${textOf(name)} means "deleted" in a layer (image-spec, layer.md)`,
        {
          where: by?.at,
          hint: "Rename it, or leave it out with exclude.",
        },
      );
    }
    placeParents(entry.path, by);
    const before = placed.get(entry.path);
    if (before?.by !== undefined && (before.entry.type === "directory") !== (entry.type === "directory")) {
      throw conflict(entry.path, before.by, by);
    }
    if (before !== undefined && before.by === undefined && entry.type !== "directory")
      throw conflict(entry.path, undefined, by);
    placed.set(entry.path, { entry, by });
  }

  /**
   * Every directory on the way gets an entry: engines make missing ones each in their own way. Their permissions are
   * those that they have in every distribution, lest a file for /tmp takes away everybody's right to write there.
   */
  function placeParents(path: ByteString, by: Placed["by"]): void {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      const parent = path.slice(0, end);
      const before = placed.get(parent);
      if (before === undefined) {
        const mode = USUAL_MODES[parent] ?? 0o755;
        placed.set(parent, {
          entry: { path: parent, type: "directory", mode, uid: 0, gid: 0, mtime: defaultTime },
          by: undefined,
        });
      } else if (before.entry.type !== "directory") {
        throw conflict(parent, before.by, by);
      }
    }
  }
}

/** Loaded only where a plan leaves something out. */
async function matcherOf(patterns: readonly string[]): Promise<(path: string) => boolean> {
  if (patterns.length === 0) return () => false;
  const { default: picomatch } = await import("picomatch");
  return picomatch([...patterns], { dot: true });
}

/** Enough to keep the disk busy, few enough for the thread pool. */
const AT_ONCE = 64;

/** Directories whose permissions are not 0755 anywhere. */
const USUAL_MODES: Readonly<Record<string, number>> = { tmp: 0o1777, "var/tmp": 0o1777, root: 0o700 };

const ownMode = (stat: BigIntStats): number => Number(stat.mode & 0o7777n);

const join = (directory: ByteString, name: ByteString): ByteString =>
  directory === "" ? name : name === "" ? directory : `${directory.replace(/\/$/, "")}/${name}`;

const stampOf = (stat: BigIntStats): FileStamp => ({
  size: Number(stat.size),
  mtimeNs: stat.mtimeNs,
  ctimeNs: stat.ctimeNs,
  ino: stat.ino,
  dev: stat.dev,
});

function conflict(path: ByteString, before: Placed["by"], now: Placed["by"]): GantryError {
  const names = [before, now].map((by) =>
    by === undefined ? "the parent of another destination" : `${by.shown} (${by.at})`,
  );
  return new GantryError(
    "PLAN_INVALID",
    `/${textOf(path)} would be a directory and a file at once: ${names.join(" and ")}`,
    {
      hint: "Give one of them another destination.",
    },
  );
}

async function reading<T>(shown: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    if (code === "ENOENT")
      throw new GantryError("SOURCE_CHANGED", `something in ${shown} was removed while it was read`, { cause });
    throw new GantryError("IO", `cannot read ${shown}: ${code}`, { cause });
  }
}
