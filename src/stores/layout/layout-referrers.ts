import { type CallOptions, type ContentReader, type Referrers } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import {
  type Descriptor,
  type Digest,
  type ImageIndex,
  isDocument,
  isIndex,
  parseDocument,
  parseIndex,
} from "../../spec/index.js";
import { nameOf } from "./index-entries.js";

/** What a document says of itself as a referrer. */
export interface Referring {
  readonly subject: Digest;
  readonly descriptor: Descriptor;
}

/**
 * Finds what points at a subject: the entries of index.json whose document has that `subject`, and those of an index
 * under the fallback tag `sha256-HEX` (distribution-spec 1.1, "Referrers Tag Schema"), which copies from registries bring.
 */
export class LayoutReferrers implements Referrers {
  readonly #store: ContentReader;
  readonly #index: () => Promise<ImageIndex>;
  // Content never changes, so a document is read for its subject once.
  readonly #known = new Map<Digest, Referring | undefined>();

  constructor(store: ContentReader, index: () => Promise<ImageIndex>) {
    this.#store = store;
    this.#index = index;
  }

  /** Each referrer once, in the order of the index. */
  async *list(
    subject: Descriptor,
    options: CallOptions & { readonly artifactType?: string } = {},
  ): AsyncGenerator<Descriptor, void, undefined> {
    const seen = new Set<Digest>();
    for (const candidate of await this.#candidates(subject, options)) {
      options.signal?.throwIfAborted();
      if (seen.has(candidate.digest)) continue;
      seen.add(candidate.digest);
      const referring = await this.referring(candidate, options);
      if (referring?.subject !== subject.digest) continue;
      const { descriptor } = referring;
      if (options.artifactType === undefined || options.artifactType === descriptor.artifactType) yield descriptor;
    }
  }

  /** What `entry` refers to; undefined for a document without a subject, or one that is absent or unreadable. */
  async referring(entry: Descriptor, options?: CallOptions): Promise<Referring | undefined> {
    if (!isDocument(entry)) return undefined;
    if (this.#known.has(entry.digest)) return this.#known.get(entry.digest);
    let bytes: Uint8Array;
    try {
      bytes = await this.#store.manifest(entry, options);
    } catch (error) {
      // Absent in a sparse layout, or damaged: no referrer that could be used. Reading it by name says what is wrong.
      if (GantryError.is(error)) return undefined;
      throw error;
    }
    const referring = referringOf(bytes, entry);
    this.#known.set(entry.digest, referring);
    return referring;
  }

  async #candidates(subject: Descriptor, options: CallOptions): Promise<readonly Descriptor[]> {
    const { manifests } = await this.#index();
    const fallback = subject.digest.replace(":", "-");
    const found = [...manifests];
    for (const entry of manifests) {
      if (nameOf(entry) !== fallback || !isIndex(entry)) continue;
      found.push(...parseIndex(await this.#store.manifest(entry, options), entry.mediaType).manifests);
    }
    return found;
  }
}

/** A document's subject, and its descriptor as a list of referrers holds it; undefined without a subject. */
export function referringOf(bytes: Uint8Array, entry: Descriptor): Referring | undefined {
  const document = parseDocument(bytes, entry.mediaType);
  const { subject, annotations } = document.value;
  if (subject === undefined) return undefined;
  // distribution-spec 1.1, "Listing Referrers": without an artifactType the config's media type stands for it.
  const artifactType =
    document.value.artifactType ?? (document.kind === "manifest" ? document.value.config.mediaType : undefined);
  return {
    subject: subject.digest,
    descriptor: {
      mediaType: entry.mediaType,
      digest: entry.digest,
      size: entry.size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    },
  };
}
