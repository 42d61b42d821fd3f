import { createHash } from "node:crypto";
import { appendFile, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, isDigest } from "../spec/index.js";
import { makeFolders, replaceFile } from "../streams/index.js";

/** What was seen of an image when source and destination were last equal. */
export interface SeenImage {
  /** What the source's name pointed at. */
  readonly source: Digest;
  /** What the destination's name points at since then: another digest where platforms were left out. */
  readonly destination: Digest;
  /** When the destination was last asked, in seconds since 1970. */
  readonly asked: number;
}

/** What earlier runs saw of one pair of repositories, by tag. */
export interface SyncState {
  get(tag: string): SeenImage | undefined;
  /** Keeps it at once, so that a run that is killed goes on where it was. */
  put(tag: string, seen: SeenImage): Promise<void>;
  forget(tag: string): Promise<void>;
  /** All that was put is on the disk; the file is made small again where that pays. */
  close(): Promise<void>;
}

/** A pair of repositories and whatever else makes a result another one: platforms, a suffix. */
export interface StateKey {
  readonly source: string;
  readonly destination: string;
  readonly variant: string;
}

/** Lines that were overwritten by later ones may take this much. */
const SLACK_LINES = 10_000;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** A state that lasts as long as the process. */
export function processState(): SyncState {
  const seen = new Map<string, SeenImage>();
  return {
    get: (tag) => seen.get(tag),
    put: async (tag, image) => void seen.set(tag, image),
    forget: async (tag) => void seen.delete(tag),
    close: async () => {},
  };
}

/**
 * The state of a pair in a file of its own below `folder`: a line is added for each image as it is done, so a kill -9
 * loses at most the last. A missing file is an empty state, a broken line is skipped: what is not known is asked for.
 */
export async function fileState(folder: string, key: StateKey): Promise<SyncState> {
  const name = createHash("sha256")
    .update(JSON.stringify([key.source, key.destination, key.variant]))
    .digest("hex");
  const path = join(folder, `${name.slice(0, 40)}.jsonl`);
  const { seen, lines } = await read(path);
  return new FileState(path, seen, lines);
}

class FileState implements SyncState {
  readonly #path: string;
  readonly #seen: Map<string, SeenImage>;
  #lines: number;
  #pending: string[] = [];
  #writing: Promise<void> | undefined;
  #made = false;

  constructor(path: string, seen: Map<string, SeenImage>, lines: number) {
    this.#path = path;
    this.#seen = seen;
    this.#lines = lines;
  }

  get(tag: string): SeenImage | undefined {
    return this.#seen.get(tag);
  }

  async put(tag: string, image: SeenImage): Promise<void> {
    this.#seen.set(tag, image);
    await this.#append(lineOf(tag, image));
  }

  async forget(tag: string): Promise<void> {
    if (this.#seen.delete(tag)) await this.#append(JSON.stringify([tag]));
  }

  async close(): Promise<void> {
    await this.#writing;
    if (this.#lines - this.#seen.size <= Math.max(SLACK_LINES, this.#seen.size)) return;
    const text = [...this.#seen].map(([tag, image]) => `${lineOf(tag, image)}\n`).join("");
    await replaceFile(this.#path, text, { mode: 0o600, sync: false }).catch(() => {});
  }

  /** What comes while a write is under way goes with the next: a few lines a write, however many images are done. */
  async #append(line: string): Promise<void> {
    this.#pending.push(line);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    await this.#writing;
  }

  async #write(): Promise<void> {
    while (this.#pending.length > 0) {
      const lines = this.#pending;
      this.#pending = [];
      this.#lines += lines.length;
      try {
        if (!this.#made) await makeFolders(dirname(this.#path), 0o700);
        this.#made = true;
        // Begins with a line end: behind a line that a killed run left half written, this one still counts.
        await appendFile(this.#path, `\n${lines.join("\n")}\n`, { mode: 0o600 });
      } catch {
        // A full or read-only cache must not fail a sync; the next run asks again.
      }
    }
  }
}

const lineOf = (tag: string, { source, destination, asked }: SeenImage): string =>
  JSON.stringify(source === destination ? [tag, asked, source] : [tag, asked, source, destination]);

async function read(path: string): Promise<{ seen: Map<string, SeenImage>; lines: number }> {
  const seen = new Map<string, SeenImage>();
  let lines = 0;
  let text = "";
  try {
    if ((await stat(path)).size <= MAX_FILE_BYTES) text = await readFile(path, "utf8");
  } catch {
    return { seen, lines };
  }
  for (const line of text.split("\n")) {
    if (line === "") continue;
    lines += 1;
    const entry = parseLine(line);
    if (entry === undefined) continue;
    // The latest line counts, and its place is the end.
    seen.delete(entry.tag);
    if (entry.image !== undefined) seen.set(entry.tag, entry.image);
  }
  return { seen, lines };
}

function parseLine(line: string): { tag: string; image: SeenImage | undefined } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [tag, asked, source, destination = source] = value as unknown[];
  if (typeof tag !== "string") return undefined;
  if (value.length === 1) return { tag, image: undefined };
  if (typeof asked !== "number" || typeof source !== "string" || typeof destination !== "string") return undefined;
  return isDigest(source) && isDigest(destination) ? { tag, image: { source, destination, asked } } : undefined;
}
