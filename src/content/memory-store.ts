import { GantryError } from "../errors.js";
import {
  type Descriptor,
  type Digest,
  isDigest,
  isDocument,
  MAX_DOCUMENT_BYTES,
  parseDocument,
} from "../spec/index.js";
import { type Body, bytesBody, Hasher, readAll, verified, verifyBytes } from "../streams/index.js";
import { referrerOf } from "./referrer.js";
import type {
  CallOptions,
  Placement,
  PutManifestOptions,
  PutOptions,
  Referrers,
  Remover,
  Store,
  StreamedBlob,
  Tags,
  Writer,
} from "./store.js";
import { tagHint } from "./tag-hint.js";

/** A store with every power, in memory. */
export interface MemoryStore extends Store {
  readonly writer: Writer;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly remover: Remover;
}

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /** What messages call it. */
  readonly location?: string;
}

/**
 * A whole store in memory: for tests, for small artifacts, and as the shortest reading of what the contract of
 * {@link Store} means. Whatever goes in is checked against its digest and size first, whatever comes out again while it
 * is read. It keeps copies, so a caller's later change of a buffer changes nothing here.
 *
 * A manifest may be put before what it points at: stores of files can, too. Whoever wants the promise of the other
 * order puts in the order of {@link bottomUp}.
 */
export function memoryStore(options: MemoryStoreOptions = {}): MemoryStore {
  const location = options.location ?? "memory:";
  const blobs = new Map<Digest, Uint8Array>();
  const documents = new Map<Digest, { readonly descriptor: Descriptor; readonly bytes: Uint8Array }>();
  const names = new Map<string, Digest>();

  return {
    location,

    async resolve(name, options) {
      options?.signal?.throwIfAborted();
      const digest = isDigest(name) ? name : names.get(name);
      const found = digest === undefined ? undefined : documents.get(digest);
      if (found === undefined) throw manifestUnknown(name);
      return found.descriptor;
    },

    async manifest(descriptor, options) {
      options?.signal?.throwIfAborted();
      const found = documents.get(descriptor.digest);
      if (found === undefined) throw manifestUnknown(descriptor.digest);
      verifyBytes(found.bytes, descriptor, location);
      return found.bytes.slice();
    },

    blob(descriptor) {
      return {
        size: descriptor.size,
        async *open(options) {
          const bytes = blobs.get(descriptor.digest);
          if (bytes === undefined) throw blobUnknown(descriptor);
          // Asked for the rest only, the digest cannot be checked while reading; in memory it costs little to check all.
          if (options?.start) verifyBytes(bytes, descriptor, location);
          const stream = bytesBody(bytes).open(options);
          yield* options?.start ? stream : verified(stream, descriptor, location);
        },
      };
    },

    async exists(descriptor, options) {
      options?.signal?.throwIfAborted();
      return isDocument(descriptor) ? documents.has(descriptor.digest) : blobs.has(descriptor.digest);
    },

    writer: {
      accepts: { foreignLayers: "optional", indexes: true },
      swaps: true,

      async putBlob(blob, body, options = {}) {
        options.signal?.throwIfAborted();
        const there = blob.digest !== undefined && blobs.has(blob.digest);
        if (blob.digest !== undefined && there && options.present !== "ignore")
          return { how: "present", bytes: 0, descriptor: blob };
        const { bytes, descriptor } = await take(blob, body, options);
        blobs.set(descriptor.digest, bytes);
        return { how: there ? "repaired" : "uploaded", bytes: bytes.byteLength, descriptor };
      },

      async putManifest(bytes, descriptor, options = {}) {
        options.signal?.throwIfAborted();
        if (bytes.byteLength > MAX_DOCUMENT_BYTES)
          throw new GantryError("TOO_LARGE", `the manifest is larger than ${MAX_DOCUMENT_BYTES} bytes`, {
            where: location,
          });
        verifyBytes(bytes, descriptor, location);
        const { mediaType } = parseDocument(bytes, descriptor.mediaType);
        const tags = options.tags ?? [];
        for (const tag of tags) checkName(tag, options);
        const { digest, size } = descriptor;
        const placement = place(documents.has(digest), size, { mediaType, digest, size }, options);
        documents.set(digest, { descriptor: { mediaType, digest, size }, bytes: bytes.slice() });
        for (const tag of tags) names.set(tag, digest);
        return placement;
      },
    },

    tags: {
      async *list(options) {
        for (const name of sortedNames()) {
          options?.signal?.throwIfAborted();
          yield name;
        }
      },
      async remove(tag, options) {
        options?.signal?.throwIfAborted();
        if (!names.delete(tag)) throw manifestUnknown(tag);
      },
    },

    referrers: {
      async *list(subject, options) {
        // A copy of the list, so that what is put or removed between two pages does not disturb the loop.
        const now = [...documents.values()];
        for (const { bytes, descriptor } of now) {
          options?.signal?.throwIfAborted();
          const referrer = referrerOf(bytes, descriptor, subject.digest);
          if (referrer === undefined) continue;
          if (options?.artifactType === undefined || options.artifactType === referrer.artifactType) yield referrer;
        }
      },
    },

    remover: {
      async remove(descriptor, options?: CallOptions) {
        options?.signal?.throwIfAborted();
        if (!isDocument(descriptor)) {
          if (!blobs.delete(descriptor.digest)) throw blobUnknown(descriptor);
          return;
        }
        if (!documents.delete(descriptor.digest)) throw manifestUnknown(descriptor.digest);
        for (const [name, digest] of names) if (digest === descriptor.digest) names.delete(name);
      },
    },
  };

  async function take(
    blob: Descriptor | StreamedBlob,
    body: Body,
    { signal, onBytes }: PutOptions,
  ): Promise<{ bytes: Uint8Array; descriptor: Descriptor }> {
    const hasher = new Hasher();
    const incoming = body.open({ signal });
    const checked = blob.digest === undefined ? hasher.tap(incoming) : verified(incoming, blob, location);
    const read = await readAll(counted(checked, onBytes), MAX_BLOB_BYTES, "the blob");
    const bytes = read.slice();
    if (blob.digest !== undefined) return { bytes, descriptor: blob };
    return { bytes, descriptor: { mediaType: blob.mediaType, digest: hasher.digest, size: hasher.size } };
  }

  function checkName(tag: string, { ifMatch }: PutManifestOptions): void {
    if (tag === "" || isDigest(tag))
      throw new GantryError("USAGE", `${JSON.stringify(tag)} cannot be a tag`, { where: location });
    if (ifMatch === undefined) return;
    const now = names.get(tag);
    if ((now ?? "") === ifMatch) return;
    throw new GantryError("CONFLICT", `the tag ${tag} ${now === undefined ? "is gone" : `points at ${now} now`}`, {
      where: location,
      hint: "Somebody else has moved it; look at what is there and try again.",
      facts: { tag, expected: ifMatch, got: now ?? "" },
    });
  }

  function sortedNames(): string[] {
    return [...names.keys()].sort();
  }

  function manifestUnknown(name: string): GantryError {
    return new GantryError("MANIFEST_UNKNOWN", `manifest unknown: ${name}`, {
      where: location,
      hint: isDigest(name) ? undefined : tagHint(name, sortedNames()),
    });
  }

  function blobUnknown(descriptor: Descriptor): GantryError {
    return new GantryError("BLOB_UNKNOWN", `blob unknown: ${descriptor.digest}`, { where: location });
  }
}

function place(there: boolean, bytes: number, descriptor: Descriptor, { present }: PutOptions): Placement {
  if (!there) return { how: "uploaded", bytes, descriptor };
  return present === "ignore" ? { how: "repaired", bytes, descriptor } : { how: "present", bytes: 0, descriptor };
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  onBytes: PutOptions["onBytes"],
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    onBytes?.(chunk.byteLength);
    yield chunk;
  }
}

/** A body without end must not take the process with it; who has larger blobs has a disk. */
const MAX_BLOB_BYTES = 1024 ** 3;
