import { join, resolve } from "node:path";
import { GantryError } from "../errors.js";
import { parseDocument } from "../spec/index.js";
import { BlobFiles } from "./blob-files.js";
import { DurableFiles } from "./durable-files.js";
import { RepositoryFiles } from "./repository-files.js";

/** What a sweep removes beyond what nobody can see. */
export interface SweepOptions {
  /** Also takes blobs out of repositories none of whose manifests names them. Default false: only leftovers go. */
  readonly unreferenced?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a sweep removed. */
export interface Swept {
  /** Blobs taken out of a repository. */
  readonly unlinked: number;
  /** Blobs whose bytes went from the disk. */
  readonly removed: number;
  readonly bytes: number;
}

/**
 * Cleans a registry's folder while no server uses it: bytes that no repository holds, which a crash in the middle of a
 * push can leave, and with `unreferenced` the layers and configs of deleted images.
 *
 * @throws GantryError MANIFEST_INVALID when a manifest cannot be read: then nobody knows what it names, and nothing goes
 */
export async function sweep(folder: string, options: SweepOptions = {}): Promise<Swept> {
  const root = resolve(folder);
  const files = new DurableFiles(join(root, "scratch"), true);
  const blobs = new BlobFiles(root, files);
  const named =
    options.unreferenced === true ? await namedIn(new RepositoryFiles(root, files), options.signal) : undefined;
  const swept = { unlinked: 0, removed: 0, bytes: 0 };
  for await (const digest of blobs.all()) {
    options.signal?.throwIfAborted();
    if (named !== undefined) {
      const holders: string[] = [];
      for await (const holder of blobs.holders(digest)) holders.push(holder);
      for (const holder of holders) {
        if (named.has(`${holder} ${digest}`)) continue;
        swept.unlinked += 1;
        const size = (await blobs.size(holder, digest)) ?? 0;
        await blobs.remove(holder, digest);
        if (await blobs.isHeld(digest)) continue;
        swept.removed += 1;
        swept.bytes += size;
      }
    }
    const size = await blobs.removeUnheld(digest);
    if (size === undefined) continue;
    swept.removed += 1;
    swept.bytes += size;
  }
  return swept;
}

/** Each blob that a manifest names, with the repository of that manifest. */
async function namedIn(repositories: RepositoryFiles, signal: AbortSignal | undefined): Promise<Set<string>> {
  const named = new Set<string>();
  for await (const repository of repositories.repositories()) {
    for await (const digest of repositories.manifests(repository)) {
      signal?.throwIfAborted();
      const manifest = await repositories.manifest(repository, digest);
      if (manifest === undefined) continue;
      for (const blob of blobsOf(manifest.bytes, manifest.mediaType, `${repository}@${digest}`))
        named.add(`${repository} ${blob}`);
    }
  }
  return named;
}

function blobsOf(bytes: Uint8Array, mediaType: string, where: string): readonly string[] {
  try {
    const document = parseDocument(bytes, mediaType, Infinity);
    if (document.kind === "index") return [];
    return [document.value.config, ...document.value.layers].map(({ digest }) => digest);
  } catch (error) {
    throw GantryError.is(error) ? error.with({ where }) : error;
  }
}
