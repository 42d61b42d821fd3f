import { createHash } from "node:crypto";
import { readdir, readFile, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../../errors.js";
import { type Digest, encodeJson, type Json, parseDigest } from "../../spec/index.js";
import { diskError, makeDirectory, TempFiles } from "../layout/index.js";

/**
 * Small records under keys, for what can be computed again: which blob a layer's inputs gave, what a base name last
 * meant. A record that is damaged, cut short or another key's is not there; a lost one costs time only, so none is
 * forced to the disk.
 */
export class CacheRecords {
  readonly #dir: string;
  readonly #temp: TempFiles;

  constructor(dir: string) {
    this.#dir = join(dir, FORMAT);
    this.#temp = new TempFiles(join(dir, ".tmp"));
  }

  /** The value under a key, or undefined. The caller checks its shape, for an older gantry may have written it. */
  async get(key: string): Promise<unknown> {
    const path = this.#path(key);
    try {
      const { size, mtimeMs } = await stat(path);
      if (size > MAX_RECORD_BYTES) return undefined;
      const record = decode(await readFile(path));
      if (record === undefined || record.key !== key) return undefined;
      // Used is young, for pruning; a write for every read would be too much.
      if (Date.now() - mtimeMs > TOUCH_AFTER_MS) await utimes(path, new Date(), new Date());
      return record.value;
    } catch {
      return undefined;
    }
  }

  /** Writes a record, over any older one. @throws GantryError DISK_FULL, IO, TOO_LARGE */
  async put(key: string, value: Json): Promise<void> {
    const path = this.#path(key);
    const bytes = encode(key, value);
    if (bytes.byteLength > MAX_RECORD_BYTES) {
      throw new GantryError("TOO_LARGE", `a cache record has more than ${MAX_RECORD_BYTES} bytes`, { where: path });
    }
    try {
      await makeDirectory(join(path, ".."), 0o700);
      const temp = await this.#temp.create();
      try {
        await temp.file.writeFile(bytes);
        await temp.publish(path, 0o600, { durable: false });
      } finally {
        await temp.close();
      }
    } catch (error) {
      throw diskError(error, "write to the cache", path);
    }
  }

  /**
   * Removes the records that have not been used for `olderThanMs`, and the damaged ones; answers how many, and every
   * digest that the others name.
   */
  async prune(olderThanMs: number): Promise<{ removed: number; digests: Set<Digest> }> {
    let removed = 0;
    const digests = new Set<Digest>();
    for (const shard of await readdir(this.#dir).catch(() => [])) {
      for (const name of await readdir(join(this.#dir, shard)).catch(() => [])) {
        const path = join(this.#dir, shard, name);
        const text = await this.#live(path, olderThanMs);
        if (text === undefined) removed += await unlink(path).then(one, none);
        for (const digest of text?.match(/\bsha256:[0-9a-f]{64}\b|\bsha512:[0-9a-f]{128}\b/g) ?? []) {
          digests.add(parseDigest(digest));
        }
      }
    }
    return { removed, digests };
  }

  /** Removes the place for temporary files, where nobody uses it. */
  async dispose(): Promise<void> {
    await this.#temp.dispose();
  }

  async #live(path: string, olderThanMs: number): Promise<string | undefined> {
    try {
      if (Date.now() - (await stat(path)).mtimeMs >= olderThanMs) return undefined;
      const bytes = await readFile(path);
      return decode(bytes) === undefined ? undefined : bytes.toString("utf8");
    } catch {
      return undefined;
    }
  }

  #path(key: string): string {
    const name = createHash("sha256").update(key).digest("hex");
    return join(this.#dir, name.slice(0, 2), name.slice(2));
  }
}

const one = (): number => 1;
const none = (): number => 0;

/** The form of the records; another form gets another directory. */
const FORMAT = "v1";
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const TOUCH_AFTER_MS = 60 * 60 * 1000;

// The hash of the rest in hex, a newline, and `[key, value]`.
function encode(key: string, value: Json): Uint8Array {
  const json = encodeJson([key, value]);
  return Buffer.concat([Buffer.from(`${createHash("sha256").update(json).digest("hex")}\n`), json]);
}

function decode(bytes: Uint8Array): { key: string; value: unknown } | undefined {
  const json = bytes.subarray(65);
  const sum = new TextDecoder("latin1").decode(bytes.subarray(0, 64));
  if (createHash("sha256").update(json).digest("hex") !== sum) return undefined;
  // What passed its checksum is our own: no second reading to fear.
  const record: unknown = JSON.parse(new TextDecoder().decode(json));
  if (!Array.isArray(record) || typeof record[0] !== "string") return undefined;
  return { key: record[0], value: record[1] };
}
