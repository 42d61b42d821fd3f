import { GantryError } from "../errors.js";
import {
  type Descriptor,
  type Digest,
  isDigest,
  isDocument,
  parseDocument,
  type RepositoryName,
} from "../spec/index.js";
import { type Body, bytesBody, digestOf, verified, verifyBytes } from "../streams/index.js";
import { childrenOf } from "./walk.js";
import type { CallOptions, ContentReader } from "./store.js";

/** A reader that may be a whole store: a registry's repository can be mounted from. */
export type LowerReader = ContentReader & { readonly repository?: RepositoryName };

/** New content beside the old; see {@link overlayStore}. */
export interface OverlayStore extends ContentReader {
  readonly location: string;
  /** Keeps a manifest or an index and answers its descriptor. @throws GantryError MANIFEST_INVALID */
  addDocument(bytes: Uint8Array, mediaType: string): Descriptor;
  /** Keeps a blob by its body, which is opened only when somebody reads it. */
  addBlob(descriptor: Descriptor, body: Body): void;
  /** Keeps a small blob, such as a config, and answers its descriptor. */
  addBytes(bytes: Uint8Array, mediaType: string): Descriptor;
  /** Notes that `reader` holds these, so that they are read, or mounted, from there. */
  under(reader: LowerReader, ...descriptors: Descriptor[]): void;
  /** Where content is known to lie already: whence a registry can mount it. */
  locations(descriptor: Descriptor): readonly RepositoryName[];
}

/** Options of {@link overlayStore}. */
export interface OverlayStoreOptions {
  /** What messages call it. */
  readonly location?: string;
}

/**
 * The place where every change writes: new documents and blobs lie here, what did not change stays where it is, and
 * the overlay knows where that is. An edited image whose base lives in the target registry so moves no base bytes.
 *
 * Reads go to the overlay's own content first, then to the readers that were noted with `under`, in the order of
 * noting. Reading a document from below notes its children under the same reader, so one `under(reader, root)` is
 * enough for a whole graph that is walked from its root. There are no tags here: names belong to destinations.
 */
export function overlayStore(options: OverlayStoreOptions = {}): OverlayStore {
  const location = options.location ?? "overlay:";
  const documents = new Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>();
  const blobs = new Map<Digest, Body>();
  const below = new Map<Digest, LowerReader[]>();

  const under = (reader: LowerReader, ...descriptors: Descriptor[]): void => {
    for (const { digest } of descriptors) {
      const readers = below.get(digest);
      if (readers === undefined) below.set(digest, [reader]);
      else if (!readers.includes(reader)) readers.push(reader);
    }
  };
  const readersOf = (digest: Digest): readonly LowerReader[] => below.get(digest) ?? [];

  return {
    location,

    async resolve(name, options) {
      options?.signal?.throwIfAborted();
      if (!isDigest(name)) throw unknown("MANIFEST_UNKNOWN", name, "New content has no tags yet; ask for its digest.");
      const own = documents.get(name);
      if (own !== undefined) return own.descriptor;
      return firstThatKnows(readersOf(name), "MANIFEST_UNKNOWN", name, (reader) => reader.resolve(name, options));
    },

    async manifest(descriptor, options) {
      options?.signal?.throwIfAborted();
      const { digest } = descriptor;
      const own = documents.get(digest);
      if (own !== undefined) {
        verifyBytes(own.bytes, descriptor, location);
        return own.bytes.slice();
      }
      return firstThatKnows(readersOf(digest), "MANIFEST_UNKNOWN", digest, async (reader) => {
        const bytes = await reader.manifest(descriptor, options);
        // From a registry the children can only be asked for in the repository that their parent came from.
        under(reader, ...childrenOf(bytes, descriptor));
        return bytes;
      });
    },

    blob(descriptor) {
      return {
        size: descriptor.size,
        async *open(options) {
          const own = blobs.get(descriptor.digest);
          if (own !== undefined) {
            const stream = own.open(options);
            yield* options?.start ? stream : verified(stream, descriptor, location);
            return;
          }
          const readers = readersOf(descriptor.digest);
          for (const [i, reader] of readers.entries()) {
            let begun = false;
            try {
              for await (const chunk of reader.blob(descriptor).open(options)) {
                begun = true;
                yield chunk;
              }
              return;
            } catch (error) {
              if (begun || i === readers.length - 1 || !isUnknown(error, "BLOB_UNKNOWN")) throw error;
            }
          }
          throw unknown("BLOB_UNKNOWN", descriptor.digest);
        },
      };
    },

    async exists(descriptor, options?: CallOptions) {
      options?.signal?.throwIfAborted();
      if (isDocument(descriptor) ? documents.has(descriptor.digest) : blobs.has(descriptor.digest)) return true;
      for (const reader of readersOf(descriptor.digest)) if (await reader.exists(descriptor, options)) return true;
      return false;
    },

    locations(descriptor) {
      const all = readersOf(descriptor.digest).flatMap((reader) => [
        ...(reader.repository === undefined ? [] : [reader.repository]),
        ...(reader.locations?.(descriptor) ?? []),
      ]);
      return [...new Map(all.map((name) => [`${name.host}/${name.repository}`, name])).values()];
    },

    addDocument(bytes, mediaType) {
      const document = parseDocument(bytes, mediaType);
      const descriptor = { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
      documents.set(descriptor.digest, { descriptor, bytes: bytes.slice() });
      return descriptor;
    },

    addBlob(descriptor, body) {
      blobs.set(descriptor.digest, body);
    },

    addBytes(bytes, mediaType) {
      const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
      blobs.set(descriptor.digest, bytesBody(bytes.slice()));
      return descriptor;
    },

    under,
  };

  /** Asks one reader after the other while they answer that they have it not. */
  async function firstThatKnows<T>(
    readers: readonly LowerReader[],
    code: "MANIFEST_UNKNOWN",
    what: string,
    ask: (reader: LowerReader) => Promise<T>,
  ): Promise<T> {
    let last: unknown = unknown(code, what);
    for (const reader of readers) {
      try {
        return await ask(reader);
      } catch (error) {
        if (!isUnknown(error, code)) throw error;
        last = error;
      }
    }
    throw last;
  }

  function unknown(code: "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN", what: string, hint?: string): GantryError {
    const kind = code === "MANIFEST_UNKNOWN" ? "manifest" : "blob";
    return new GantryError(code, `${kind} unknown: ${what}`, { where: location, hint });
  }
}

const isUnknown = (error: unknown, code: "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN"): boolean =>
  GantryError.is(error) && error.code === code;
