import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, layerTypeFor } from "../spec/index.js";
import { compress, Hasher } from "../streams/index.js";
import type { FileEntry } from "./file-entry.js";
import type { CachedLayer, LayerCache } from "./layer-cache.js";
import { layerKeys, stampsAreSafe } from "./layer-keys.js";
import { layerTar } from "./layer-tar.js";
import type { LayerCompression } from "./plan.js";
import { readSource, type SourceReader } from "./read-source.js";

/** A layer that lies in the cache's store. */
export interface BuiltLayer extends CachedLayer {
  /** "unchanged": no content was read; "same": it was read and hashed, but is what it was; "built": it is new. */
  readonly how: "unchanged" | "same" | "built";
}

/** Options of {@link buildLayer}. */
export interface BuildLayerOptions {
  readonly cache: LayerCache;
  readonly compression: LayerCompression;
  /** When the entries were listed, in milliseconds. */
  readonly listedAt: number;
  readonly read?: SourceReader;
  /** Called with the bytes that were read from sources. */
  readonly onBytes?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a layer of entries, or finds that it has been made. What nobody touched is not read; what was touched and is
 * the same is read but not compressed; the rest goes through tar, hash and codec in one pass into the cache's store.
 * The cache is believed only as far as its blob is there, and that is verified again by whoever reads it
 * (CVE-2024-24557).
 *
 * @throws GantryError SOURCE_CHANGED, IO, and what the store throws
 */
export async function buildLayer(entries: readonly FileEntry[], options: BuildLayerOptions): Promise<BuiltLayer> {
  const { cache, compression, signal } = options;
  const keys = layerKeys(entries, compression);
  const remember = async (layer: CachedLayer): Promise<void> => {
    if (stampsAreSafe(entries, options.listedAt)) await cache.put(keys.stamps, layer);
  };

  const unchanged = await lookUp(cache, keys.stamps, signal);
  if (unchanged !== undefined) return { ...unchanged, how: "unchanged" };

  // Reading twice pays only when the content may well be known.
  if ((await cache.get(keys.shape)) !== undefined) {
    const hasher = new Hasher();
    for await (const chunk of tarOf(entries, options)) hasher.update(chunk);
    const same = await lookUp(cache, keys.content(hasher.digest), signal);
    if (same !== undefined) {
      await remember(same);
      return { ...same, how: "same" };
    }
  }

  const layer = await write(entries, options);
  await cache.put(keys.content(layer.diffId), layer);
  await cache.put(keys.shape, layer);
  await remember(layer);
  return { ...layer, how: "built" };
}

async function write(entries: readonly FileEntry[], options: BuildLayerOptions): Promise<CachedLayer> {
  const { cache, compression, signal } = options;
  let diffId: Digest | undefined;
  const body = {
    size: undefined,
    // Opened anew, everything starts anew: a store may try twice.
    open: (): AsyncIterable<Uint8Array> => {
      const hasher = new Hasher();
      const tar = noting(hasher.tap(tarOf(entries, options)), () => {
        diffId = hasher.digest;
      });
      return compress(tar, compression.type, {
        ...(compression.level === undefined ? {} : { level: compression.level }),
        signal,
      });
    },
  };
  const mediaType = layerTypeFor("oci", compression.type);
  const placement = await cache.store.writer.putBlob({ mediaType }, body, { signal });
  if (diffId === undefined) throw new GantryError("INTERNAL", "a store took a layer without reading it to its end");
  const { digest, size } = placement.descriptor;
  return { descriptor: { mediaType, digest, size }, diffId };
}

function tarOf(
  entries: readonly FileEntry[],
  { read = readSource, onBytes, signal }: BuildLayerOptions,
): AsyncIterable<Uint8Array> {
  return layerTar(
    entries,
    onBytes === undefined
      ? read
      : async function* counted(file, signal) {
          for await (const chunk of read(file, signal)) {
            onBytes(chunk.byteLength);
            yield chunk;
          }
        },
    signal,
  );
}

async function* noting(
  source: AsyncIterable<Uint8Array>,
  atEnd: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* source;
  atEnd();
}

/** A record counts while its blob is there. */
async function lookUp(
  cache: LayerCache,
  key: string,
  signal: AbortSignal | undefined,
): Promise<CachedLayer | undefined> {
  const found = await cache.get(key);
  if (found === undefined) return undefined;
  const descriptor: Descriptor = found.descriptor;
  return (await cache.store.exists(descriptor, { signal })) ? found : undefined;
}
