import { access, constants, readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { GantryError } from "../../errors.js";
import { diskError, errnoOf } from "./disk-error.js";
import { IndexFile } from "./index-file.js";
import { LayoutStore } from "./layout-store.js";
import { TempFiles } from "./temp-files.js";

/** Options of {@link openLayout}. */
export interface OpenLayoutOptions {
  /** Allow a layout that is not there yet. The directory is made at the first write, not before. */
  readonly create?: boolean;
  /** Ask at the first write, not now, whether it may be written: for a place that is also opened only to be read. */
  readonly lazy?: boolean;
  /** What messages and reports call it; `oci:PATH` where not given. */
  readonly location?: string;
  /** How long a change waits for other writers; a minute where not given. */
  readonly lockTimeoutMs?: number;
  /** The mode of the directory, and of those above it, where they have to be made; 0755 where not given. Files follow it. */
  readonly mode?: number;
}

/**
 * Opens the OCI image layout in a directory.
 *
 * @throws GantryError FILE_NOT_FOUND when there is none and `create` is not set; UNSUPPORTED when the directory is
 *   something else, or a layout of another version; IO when `create` is set and it may not be written
 */
export async function openLayout(path: string, options: OpenLayoutOptions = {}): Promise<LayoutStore> {
  const { create = false, lazy = false, location = `oci:${path}`, lockTimeoutMs, mode } = options;
  const root = resolve(path);
  const index = new IndexFile(root, join(root, ".gantry", "lock"), new TempFiles(join(root, ".gantry", "tmp")));
  const state = await index.state();
  if (state === "absent" && !create) {
    throw new GantryError("FILE_NOT_FOUND", "there is no such directory", {
      where: location,
      hint: "An OCI layout is a directory with a file oci-layout in it.",
    });
  }
  if (state === "unfinished") await mayBecomeLayout(root, create, location);
  if (create && !lazy) await mayBeWritten(root, location);
  // A broken index is found now, not after the first gigabyte.
  await index.read();
  return new LayoutStore({ path: root, location, create, lockTimeoutMs, mode });
}

async function mayBecomeLayout(root: string, create: boolean, location: string): Promise<void> {
  if (!(await stat(root)).isDirectory()) {
    throw new GantryError("UNSUPPORTED", "the path is a file, not the directory of an OCI layout", {
      where: location,
      hint: "An archive of a layout is oci-archive:PATH; docker save writes docker-archive:PATH.",
    });
  }
  if (!create) {
    throw new GantryError("UNSUPPORTED", "the directory is not an OCI layout: it has no file oci-layout", {
      where: location,
      hint: "What skopeo calls dir: is dir:PATH here.",
    });
  }
  // A first write that was interrupted left some of these; anything else is somebody's.
  const others = (await readdir(root)).filter((name) => !name.startsWith(".") && !OWN.has(name));
  if (others.length === 0) return;
  throw new GantryError("UNSUPPORTED", `the directory holds other things, such as ${JSON.stringify(others[0])}`, {
    where: location,
    hint: "Name an OCI layout, an empty directory, or one that does not exist yet.",
  });
}

async function mayBeWritten(root: string, location: string): Promise<void> {
  for (let at = root; ; at = dirname(at)) {
    try {
      return await access(at, constants.W_OK | constants.X_OK);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || at === dirname(at)) throw diskError(error, `write to ${at}`, location);
    }
  }
}

const OWN: ReadonlySet<string> = new Set(["blobs", "index.json", "oci-layout"]);
