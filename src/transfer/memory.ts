import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Descriptor, type Digest, isDigest, isRepository, parseHost, type RepositoryName } from "../spec/index.js";
import { makeFolders, replaceFile } from "../streams/index.js";

/**
 * What earlier transfers saw: which repository held what, and where a tag pointed. It is never believed: it chooses
 * which question is asked first and whence a mount is tried, and a wrong memory costs one request.
 */
export interface LocationMemory {
  /** Where the tag pointed when last seen. */
  tagged(repository: RepositoryName, tag: string): Digest | undefined;
  /** Whether the repository held the content when last seen. */
  holds(repository: RepositoryName, digest: Digest): boolean;
  /** Repositories of this host that held the content when last seen, the latest first. */
  locations(host: string, digest: Digest): readonly RepositoryName[];
  remember(repository: RepositoryName, descriptor: Descriptor, tag?: string): void;
  forget(repository: RepositoryName, digest: Digest): void;
  /** Keeps what was learned; failing to is not an error. */
  save(): Promise<void>;
}

/** Enough for a few thousand images; beyond it the oldest are forgotten. */
const MAX_ENTRIES = 20_000;
const MAX_PLACES = 4;
const MAX_FILE_BYTES = 32 * 1024 * 1024;

/** A memory that lasts as long as the process. */
export function processMemory(): LocationMemory {
  return new MapMemory();
}

/** A memory in a file. A missing or broken file is an empty memory; two writers may forget for each other. */
export async function fileMemory(path: string): Promise<LocationMemory> {
  const memory = new MapMemory(path);
  await memory.load();
  return memory;
}

class MapMemory implements LocationMemory {
  readonly #path: string | undefined;
  readonly #tags = new Map<string, Digest>();
  readonly #places = new Map<string, readonly string[]>();
  #changed = false;

  constructor(path?: string) {
    this.#path = path;
  }

  tagged(repository: RepositoryName, tag: string): Digest | undefined {
    return this.#tags.get(`${keyOf(repository)}:${tag}`);
  }

  holds(repository: RepositoryName, digest: Digest): boolean {
    return this.#places.get(digest)?.includes(keyOf(repository)) ?? false;
  }

  locations(host: string, digest: Digest): readonly RepositoryName[] {
    return (this.#places.get(digest) ?? []).map(repositoryOf).filter((name) => name.host === host);
  }

  remember(repository: RepositoryName, descriptor: Descriptor, tag?: string): void {
    const key = keyOf(repository);
    if (tag !== undefined) touch(this.#tags, `${key}:${tag}`, descriptor.digest);
    const places = this.#places.get(descriptor.digest) ?? [];
    touch(this.#places, descriptor.digest, [key, ...places.filter((place) => place !== key)].slice(0, MAX_PLACES));
    this.#changed = true;
  }

  forget(repository: RepositoryName, digest: Digest): void {
    const key = keyOf(repository);
    const rest = (this.#places.get(digest) ?? []).filter((place) => place !== key);
    if (rest.length === 0) this.#places.delete(digest);
    else this.#places.set(digest, rest);
    this.#changed = true;
  }

  async load(): Promise<void> {
    if (this.#path === undefined) return;
    try {
      const bytes = await readFile(this.#path);
      if (bytes.byteLength > MAX_FILE_BYTES) return;
      const value: unknown = JSON.parse(bytes.toString("utf8"));
      if (typeof value !== "object" || value === null || !("tags" in value) || !("places" in value)) return;
      for (const [name, digest] of Object.entries(value.tags ?? {})) {
        if (typeof digest === "string" && isDigest(digest)) this.#tags.set(name, digest);
      }
      for (const [digest, places] of Object.entries(value.places ?? {})) {
        if (!isDigest(digest) || !Array.isArray(places)) continue;
        this.#places.set(
          digest,
          places.filter((place): place is string => typeof place === "string" && isPlace(place)),
        );
      }
    } catch {
      // A memory that cannot be read is an empty one: every answer is asked for again.
      this.#tags.clear();
      this.#places.clear();
    }
  }

  async save(): Promise<void> {
    if (this.#path === undefined || !this.#changed) return;
    const text = JSON.stringify({
      version: 1,
      tags: Object.fromEntries(this.#tags),
      places: Object.fromEntries(this.#places),
    });
    try {
      await makeFolders(dirname(this.#path), 0o700);
      await replaceFile(this.#path, text, { mode: 0o600, sync: false });
      this.#changed = false;
    } catch {
      // A full or read-only cache must not fail a transfer that has succeeded.
    }
  }
}

function touch<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > MAX_ENTRIES) map.delete(map.keys().next().value!);
}

const keyOf = (name: RepositoryName): string => `${name.host}/${name.repository}`;

function repositoryOf(place: string): RepositoryName {
  const slash = place.indexOf("/");
  return { host: place.slice(0, slash), repository: place.slice(slash + 1) };
}

function isPlace(place: string): boolean {
  const slash = place.indexOf("/");
  if (slash <= 0 || !isRepository(place.slice(slash + 1))) return false;
  try {
    return parseHost(place.slice(0, slash)) === place.slice(0, slash);
  } catch {
    return false;
  }
}
