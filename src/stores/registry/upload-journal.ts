import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Digest } from "../../spec/index.js";
import { makeFolders } from "../../streams/index.js";

/** What names an upload: the same blob to the same repository of the same registry. */
export interface UploadKey {
  /** Where the API lives; one that moved (from TLS to plain, to another port) does not get the old one's addresses. */
  readonly origin: string;
  readonly repository: string;
  readonly digest: Digest;
}

/** What is known of an upload that was begun. */
export interface JournaledUpload {
  /** Where the session goes on. It may hold a state token of the registry, so it is as secret as a short-lived password. */
  readonly location: URL;
  /** The bytes that the registry had confirmed. It may have more. */
  readonly acknowledged: number;
}

/** Options of {@link UploadJournal}. */
export interface UploadJournalOptions {
  /** Milliseconds after which a registry has surely forgotten an upload, or somebody the push. */
  readonly maxAge?: number;
}

/** Registries purge uploads after some hours to a week; a day is what the usual ones keep (ACR: 24 h). */
const MAX_AGE = 24 * 60 * 60 * 1000;
/** No registry's Location comes near; more is not what this wrote. */
const MAX_ENTRY_BYTES = 64 * 1024;
const VERSION = 1;

/**
 * The uploads under way, on disk, so that a push that was killed goes on where it stopped. One small file an upload,
 * readable by its owner only. Its name says whose it is: it changes hands by a rename, which succeeds for one process
 * alone, and only when the one before is dead. What is damaged, expired or of another machine is as good as not there,
 * and so is a folder that cannot be written: a journal saves time, and nothing depends on it.
 */
export class UploadJournal {
  readonly #folder: string;
  readonly #maxAge: number;

  /** Nothing is read or made here. */
  constructor(folder: string, { maxAge = MAX_AGE }: UploadJournalOptions = {}) {
    this.#folder = folder;
    this.#maxAge = maxAge;
  }

  /**
   * Takes over what a dead process left of this upload, of several the newest; the others are for whoever comes beside.
   * Expired ones of any upload go.
   *
   * @returns the entry to write to from now on, and what it says; `found` is undefined for a new upload
   */
  async open(key: UploadKey): Promise<{ readonly entry: JournalEntry; readonly found: JournaledUpload | undefined }> {
    const prefix = keyName(key);
    const entry = new JournalEntry(this.#folder, prefix, key);
    let found: JournaledUpload | undefined;
    for (const { name } of (await this.#leftovers(prefix)).sort((a, b) => b.at - a.at)) {
      const path = join(this.#folder, name);
      try {
        await rename(path, entry.path);
      } catch {
        continue; // Another process was faster.
      }
      found = await readEntry(entry.path, key);
      if (found !== undefined) break;
      await entry.forget();
    }
    return { entry, found };
  }

  /** Forgets what dead processes left of an upload, for its blob is there. */
  async forget(key: UploadKey): Promise<void> {
    for (const { name } of await this.#leftovers(keyName(key))) await rm(join(this.#folder, name), { force: true });
  }

  /** The files of an upload whose owners are gone; removes on its way what has expired. */
  async #leftovers(prefix: string): Promise<{ name: string; at: number }[]> {
    const found: { name: string; at: number }[] = [];
    for (const name of await readdir(this.#folder).catch(() => [])) {
      const path = join(this.#folder, name);
      const at = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      );
      if (at === undefined) continue;
      if (Date.now() - at > this.#maxAge) await rm(path, { force: true }).catch(() => {});
      else if (name.startsWith(`${prefix}.`) && name.endsWith(".json") && isLeft(name)) found.push({ name, at });
    }
    return found;
  }
}

/** One upload's file. Failures of the disk are passed over. */
export class JournalEntry {
  readonly path: string;
  readonly #folder: string;
  readonly #prefix: string;
  readonly #key: UploadKey;
  #last: Promise<void> = Promise.resolve();

  constructor(folder: string, prefix: string, key: UploadKey) {
    this.#folder = folder;
    this.#prefix = prefix;
    this.#key = key;
    this.path = join(folder, `${prefix}.${owner()}.${randomUUID().slice(0, 8)}.json`);
  }

  /** Notes where the upload stands. A kill in the middle leaves what was noted before. */
  record({ location, acknowledged }: JournaledUpload): Promise<void> {
    const { origin, repository, digest } = this.#key;
    const text = JSON.stringify({
      version: VERSION,
      origin,
      repository,
      digest,
      location: location.href,
      acknowledged,
      time: new Date().toISOString(),
    });
    return this.#then(async () => {
      await makeFolders(this.#folder, 0o700);
      const beside = `${this.path}.new`;
      // No fsync: after a power cut the worst is a damaged entry, which is ignored.
      await writeFile(beside, text, { mode: 0o600 });
      await rename(beside, this.path);
    });
  }

  /** The upload is done, or cannot go on. */
  forget(): Promise<void> {
    return this.#then(() => rm(this.path, { force: true }));
  }

  /** Leaves the upload to whoever comes next, also in this process. */
  leave(): Promise<void> {
    return this.#then(() => rename(this.path, join(this.#folder, `${this.#prefix}.0-0-0.${randomUUID()}.json`)));
  }

  #then(step: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(step).catch(() => {});
    return this.#last;
  }
}

const keyName = ({ origin, repository, digest }: UploadKey): string =>
  createHash("sha256").update([origin, repository, digest].join("\n")).digest("hex").slice(0, 32);

/** What an entry says, when it is whole and of this very upload. */
async function readEntry(path: string, key: UploadKey): Promise<JournaledUpload | undefined> {
  try {
    if ((await stat(path)).size > MAX_ENTRY_BYTES) return undefined;
    const value: unknown = JSON.parse(await readFile(path, "utf8"));
    if (typeof value !== "object" || value === null) return undefined;
    const { version, origin, repository, digest, location, acknowledged } = value as Record<string, unknown>;
    if (version !== VERSION || origin !== key.origin || repository !== key.repository || digest !== key.digest) {
      return undefined;
    }
    if (typeof location !== "string" || !Number.isSafeInteger(acknowledged) || Number(acknowledged) < 0)
      return undefined;
    const url = new URL(location);
    const secure = key.origin.startsWith("https:");
    if (url.protocol !== "https:" && (secure || url.protocol !== "http:")) return undefined;
    return { location: url, acknowledged: Number(acknowledged) };
  } catch {
    return undefined;
  }
}

/** `PID-START-MACHINE` of this process. Numbers of processes come again, so the time of its start belongs to it. */
function owner(): string {
  return `${process.pid}-${startOf(process.pid) ?? "0"}-${machine()}`;
}

/** Whether the owner in an entry's name is gone for sure. Of another machine's processes nothing can be known. */
function isLeft(name: string): boolean {
  const match = /^[0-9a-f]{32}\.(\d{1,10})-(\d{1,20})-([0-9a-f]{1,16})\./.exec(name);
  if (match === null) return false;
  const [, pid = "", start = "", where = ""] = match;
  if (pid === "0") return true;
  if (where !== machine()) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    // EPERM: it lives, as somebody else's.
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
  const now = startOf(Number(pid));
  return now !== undefined && start !== "0" && now !== start;
}

/** When a process started, in ticks since boot (proc(5)); undefined where that is not told. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program, in parentheses, may hold anything; what follows the last one is fields 3 and on.
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    // A zombie waits for its parent, and does nothing any more.
    return fields[0] === "Z" ? "0" : fields[19];
  } catch {
    return undefined;
  }
}

/** Where the numbers of processes mean the same: a host name and a namespace of processes. */
function machine(): string {
  let namespace = "";
  try {
    namespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Not Linux: one namespace a host.
  }
  return createHash("sha256").update(`${hostname()}\n${namespace}`).digest("hex").slice(0, 12);
}
