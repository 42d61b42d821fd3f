import type { CallOptions, Referrers, Remover, ResolveOptions, Store, Tags, Writer } from "../../content/index.js";
import { type Descriptor, type Digest, isDocument, type RepositoryName } from "../../spec/index.js";
import type { Body } from "../../streams/index.js";
import { blobBody } from "./blob-body.js";
import type { RepositoryApi } from "./connection.js";
import { readDocument } from "./document.js";
import { holdsBlob, holdsManifest, sizeOfBlob } from "./exists.js";
import { RegistryReferrers } from "./referrers.js";
import { RegistryRemover } from "./remover.js";
import { resolveName } from "./resolve.js";
import { RegistryTags } from "./tags.js";
import { RegistryWriter } from "./writer.js";

/** One repository of a registry as a store of content. Made by a host, which it shares connections and tokens with. */
export class RegistryStore implements Store {
  readonly location: string;
  readonly repository: RepositoryName;
  readonly writer: Writer;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly remover: Remover;
  readonly #api: RepositoryApi;

  constructor(api: RepositoryApi) {
    this.#api = api;
    this.location = api.location;
    this.repository = { host: api.connection.host, repository: api.name };
    this.writer = new RegistryWriter(api);
    this.tags = new RegistryTags(api);
    this.referrers = new RegistryReferrers(api);
    this.remover = new RegistryRemover(api);
  }

  /** One HEAD where the registry's answer tells all; {@link resolveName} has the rest. */
  async resolve(name: string, options: ResolveOptions = {}): Promise<Descriptor> {
    return resolveName(this.#api, name, options);
  }

  /** One GET, or none for what was just read; {@link readDocument} says what is checked. */
  async manifest(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<Uint8Array> {
    const kept = this.#api.connection.documents.get(descriptor.digest);
    if (kept?.byteLength === descriptor.size) return kept;
    const { bytes } = await readDocument(this.#api, descriptor.digest, descriptor, signal);
    this.#api.connection.documents.put(descriptor.digest, bytes);
    return bytes;
  }

  /** Nothing is asked before it is opened; {@link blobBody} says how it survives. */
  blob(descriptor: Descriptor): Body {
    return blobBody(this.#api, descriptor);
  }

  /** One HEAD. */
  async exists(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<boolean> {
    return isDocument(descriptor)
      ? holdsManifest(this.#api, descriptor.digest, signal)
      : holdsBlob(this.#api, descriptor.digest, signal);
  }

  /** One HEAD; undefined also where the registry does not tell a length. */
  async blobSize(digest: Digest, { signal }: CallOptions = {}): Promise<number | undefined> {
    return sizeOfBlob(this.#api, digest, signal);
  }

  /** This repository: a writer of the same host mounts from here. */
  locations(): readonly RepositoryName[] {
    return [this.repository];
  }
}
