import type { Compression, Descriptor, Digest, RepositoryName } from "../spec/index.js";
import type { Body } from "../streams/index.js";

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link ContentReader.resolve}. */
export interface ResolveOptions extends CallOptions {
  /**
   * The caller will read the manifest next whatever the answer is, so one request that brings its bytes beats two
   * (a retag inside one repository). A store keeps them for the `manifest()` that follows.
   */
  readonly willRead?: boolean;
  /** A name that is not there may cost one request more, to say in the error's hint which names are. */
  readonly suggest?: boolean;
}

/** The four ways to read content. */
export interface ContentReader {
  /**
   * What a name points at: a tag, a reference name, or a digest as text. Asks without pulling where the store can.
   *
   * @throws GantryError MANIFEST_UNKNOWN when there is no such name
   */
  resolve(name: string, options?: ResolveOptions): Promise<Descriptor>;
  /** A manifest's or index's exact bytes, verified and capped. @throws GantryError MANIFEST_UNKNOWN, DIGEST_MISMATCH, TOO_LARGE */
  manifest(descriptor: Descriptor, options?: CallOptions): Promise<Uint8Array>;
  /** A blob, verified while it is read from its start to its end; a reader that starts later checks by itself. */
  blob(descriptor: Descriptor): Body;
  /** Whether the store holds the blob or document. Only a hint: what counts is the answer to a put. */
  exists(descriptor: Descriptor, options?: CallOptions): Promise<boolean>;
  /** Repositories of registries that are known to hold this content: whence a writer of the same registry can mount it. */
  locations?(descriptor: Descriptor): readonly RepositoryName[];
}

/** A place that keeps content: one repository of a registry, one layout, one archive. Optional powers are visible in the type. */
export interface Store extends ContentReader, Partial<AsyncDisposable> {
  /** Where this store is, for messages and reports: `localhost:5000/demo/app`, `oci:./out`. */
  readonly location: string;
  /** Set when the store is a repository of a registry. */
  readonly repository?: RepositoryName;
  readonly writer?: Writer;
  readonly tags?: Tags;
  readonly referrers?: Referrers;
  readonly remover?: Remover;
  /** The length of a blob that only its digest is known of; undefined when it is not there. */
  blobSize?(digest: Digest, options?: CallOptions): Promise<number | undefined>;
}

/** What a destination can hold. */
export interface Constraints {
  /** Undefined: any media type. */
  readonly mediaTypes?: ReadonlySet<string>;
  readonly compressions?: ReadonlySet<Compression>;
  /** Whether a non-distributable layer has to be stored here, or may be left where its URLs point. */
  readonly foreignLayers: "needed" | "optional";
  /** False for formats that hold one image and no list. */
  readonly indexes: boolean;
}

/** A blob whose digest is known only when it has been read. */
export interface StreamedBlob {
  readonly mediaType: string;
  readonly digest?: undefined;
}

/** Options of a put. */
export interface PutOptions extends CallOptions {
  /** Where the content is known to lie, most hopeful first; a store of the same registry mounts from there. */
  readonly mountFrom?: readonly RepositoryName[];
  /** "no": the caller has asked already and the store does not hold it; "ignore": it says so, but lies. */
  readonly present?: "no" | "ignore";
  /** Called as bytes are accepted by the other side; negative when some have to be sent again. */
  readonly onBytes?: (count: number) => void;
}

/** Options of {@link Writer.putManifest}. */
export interface PutManifestOptions extends PutOptions {
  /** Names to point at it. Without any the document is put by its digest. */
  readonly tags?: readonly string[];
  /** Move the names only while they point at this digest; "" means: only while they do not exist. @throws GantryError CONFLICT */
  readonly ifMatch?: Digest | "";
}

/** How content came to be where it is. `bytes` are those that were sent for it. */
export interface Placement {
  readonly how: "uploaded" | "mounted" | "present" | "repaired";
  readonly bytes: number;
  readonly descriptor: Descriptor;
}

/** The two ways to write content. */
export interface Writer {
  readonly accepts: Constraints;
  /** The store itself decides `ifMatch`, with nothing in between. Without it the name is looked up just before. */
  readonly swaps?: true;
  putBlob(blob: Descriptor | StreamedBlob, body: Body, options?: PutOptions): Promise<Placement>;
  putManifest(bytes: Uint8Array, descriptor: Descriptor, options?: PutManifestOptions): Promise<Placement>;
}

/** The names of a store. */
export interface Tags {
  /** In the store's order, page by page. */
  list(options?: CallOptions): AsyncIterable<string>;
  /** Removes a name and nothing else. @throws GantryError MANIFEST_UNKNOWN, UNSUPPORTED */
  remove(tag: string, options?: CallOptions): Promise<void>;
}

/** What points at a subject (distribution-spec 1.1, "Listing Referrers"). */
export interface Referrers {
  list(subject: Descriptor, options?: CallOptions & { readonly artifactType?: string }): AsyncIterable<Descriptor>;
}

/** Removes content. */
export interface Remover {
  /** Removes a document with all its names, or a blob. @throws GantryError MANIFEST_UNKNOWN, BLOB_UNKNOWN, UNSUPPORTED */
  remove(descriptor: Descriptor, options?: CallOptions): Promise<void>;
}
