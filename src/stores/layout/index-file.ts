import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../../errors.js";
import { encodeJson, type ImageIndex, MEDIA_TYPES, parseIndex, parseJson } from "../../spec/index.js";
import { diskError, errnoOf, patiently } from "./disk-error.js";
import { type HeldLock, withLock } from "./lock.js";
import { makeDirectory, syncDirectory, type TempFiles } from "./temp-files.js";

/** What `oci-layout` holds (image-layout.md, "oci-layout file"). */
const MARKER = `{"imageLayoutVersion":"1.0.0"}`;
/** A layout of some hundred thousand entries; a reader has to have some limit. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

/** Options of {@link IndexFile.update}. */
export interface UpdateOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Makes everything durable that the new index may point at. */
  readonly before: () => Promise<void>;
  readonly mode: number;
}

/** The `index.json` and `oci-layout` files of a layout. Read freely; changed by one process at a time. */
export class IndexFile {
  readonly #root: string;
  readonly #lockDir: string;
  readonly #temp: TempFiles;
  #queue: Promise<void> = Promise.resolve();

  constructor(root: string, lockDir: string, temp: TempFiles) {
    this.#root = root;
    this.#lockDir = lockDir;
    this.#temp = temp;
  }

  /**
   * What the directory is: a layout, nothing yet (absent, empty, or left by a first write that was interrupted), or
   * something else.
   *
   * @throws GantryError UNSUPPORTED for a layout of another major version, MANIFEST_INVALID for a broken marker
   */
  async state(): Promise<"layout" | "unfinished" | "absent"> {
    const path = join(this.#root, "oci-layout");
    const bytes = await readWhole(path, 64 * 1024);
    if (bytes === undefined) return (await exists(this.#root)) ? "unfinished" : "absent";
    const value = parseJson(bytes, "the file oci-layout");
    const version =
      typeof value === "object" && value !== null && "imageLayoutVersion" in value
        ? value.imageLayoutVersion
        : undefined;
    if (typeof version !== "string") {
      throw new GantryError("MANIFEST_INVALID", "oci-layout has no imageLayoutVersion", { where: path });
    }
    if (!version.startsWith("1.")) {
      throw new GantryError("UNSUPPORTED", `the layout has version ${JSON.stringify(version.slice(0, 40))}`, {
        where: path,
        hint: "gantry reads image layouts of version 1.",
      });
    }
    return "layout";
  }

  /**
   * The index as it is now; one without entries where none has been written.
   *
   * @throws GantryError MANIFEST_INVALID, TOO_LARGE
   */
  async read(): Promise<ImageIndex> {
    const path = join(this.#root, "index.json");
    const bytes = await readWhole(path, MAX_INDEX_BYTES);
    if (bytes === undefined) return EMPTY;
    try {
      return parseIndex(bytes, MEDIA_TYPES.ociIndex, MAX_INDEX_BYTES);
    } catch (error) {
      throw GantryError.is(error) ? error.with({ where: path }) : error;
    }
  }

  /**
   * Changes the index: alone, on top of what it is at that moment, durable when the promise is kept. A change that
   * answers the same value writes nothing.
   *
   * @throws GantryError LOCKED, DISK_FULL, IO, and what `change` throws
   */
  async update(change: (index: ImageIndex) => ImageIndex | Promise<ImageIndex>, options: UpdateOptions): Promise<void> {
    await this.alone(options, async (lock) => {
      const before = await this.read();
      const after = await change(before);
      if (after === before && (await this.state()) === "layout") return;
      await options.before();
      await lock.stillMine();
      // The marker last: what calls itself a layout is one.
      if (after !== before || before === EMPTY) await this.#write("index.json", encodeJson(after), options.mode);
      if ((await this.state()) !== "layout") {
        await this.#write("oci-layout", new TextEncoder().encode(MARKER), options.mode);
      }
      await syncDirectory(this.#root);
    });
  }

  /** Runs something while no other process changes the index. */
  async alone<T>(
    options: { readonly timeoutMs?: number | undefined; readonly signal?: AbortSignal | undefined },
    act: (lock: HeldLock) => Promise<T>,
  ): Promise<T> {
    // Those of this process queue up here; only the first of them asks the others.
    const before = this.#queue;
    let done = (): void => {};
    this.#queue = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      await makeDirectory(this.#lockDir, 0o755);
      return await withLock(this.#lockDir, { ...options, where: this.#root }, act);
    } catch (error) {
      throw diskError(error, "change the layout's index", this.#root);
    } finally {
      done();
    }
  }

  async #write(name: string, bytes: Uint8Array, mode: number): Promise<void> {
    const temp = await this.#temp.create();
    try {
      await temp.file.writeFile(bytes);
      await temp.publish(join(this.#root, name), mode);
    } finally {
      await temp.close();
    }
  }
}

const EMPTY: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] };

async function readWhole(path: string, limit: number): Promise<Uint8Array | undefined> {
  try {
    return await patiently(async () => {
      const stats = await stat(path);
      if (!stats.isFile()) throw new GantryError("IO", "not a regular file", { where: path });
      if (stats.size > limit) {
        throw new GantryError("TOO_LARGE", `the file is larger than ${limit} bytes`, { where: path });
      }
      return await readFile(path);
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw diskError(error, "read the layout", path);
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw diskError(error, "read the layout", path);
  }
}
