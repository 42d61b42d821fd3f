import type {
  Constraints,
  Placement,
  PutManifestOptions,
  PutOptions,
  StreamedBlob,
  Writer,
} from "../../content/index.js";
import type { Descriptor, Digest } from "../../spec/index.js";
import type { Body } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { holdsBlob } from "./exists.js";
import { putManifest } from "./put-manifest.js";
import { mountBlob, uploadBlob, type UploadSession, UploadSource } from "./upload/index.js";

/** Writes to one repository. */
export class RegistryWriter implements Writer {
  /** A registry takes any type that the specifications have; one that does not says so when it is asked. */
  readonly accepts: Constraints = { foreignLayers: "optional", indexes: true };
  readonly #api: RepositoryApi;

  constructor(api: RepositoryApi) {
    this.#api = api;
  }

  /**
   * Brings a blob in by the cheapest way that works: it is mounted from a repository that has it (one request, also where
   * it is here already), it is there, it is uploaded. The source is hashed while it is sent and fails before a wrong byte
   * can be committed.
   *
   * @throws GantryError DIGEST_MISMATCH, SIZE_MISMATCH of the source; REGISTRY_REFUSED, DENIED, RATE_LIMITED and others
   */
  async putBlob(blob: Descriptor | StreamedBlob, body: Body, options: PutOptions = {}): Promise<Placement> {
    const { signal } = options;
    const isThere = (digest: Digest) => holdsBlob(this.#api, digest, signal);
    this.#api.expectWrites();
    let session: UploadSession | undefined;
    if (blob.digest !== undefined) {
      const mounted = await mountBlob(this.#api, blob.digest, options.mountFrom ?? [], signal);
      if (mounted?.mounted === true) return { how: "mounted", bytes: 0, descriptor: blob };
      session = mounted?.session;
      if (options.present === undefined && (await isThere(blob.digest))) {
        await session?.cancel();
        return { how: "present", bytes: 0, descriptor: blob };
      }
    }
    const source = new UploadSource(body, blob, options.onBytes);
    const digest = await uploadBlob({ api: this.#api, source, session, isThere, signal });
    return {
      how: options.present === "ignore" ? "repaired" : "uploaded",
      bytes: source.sent,
      descriptor: blob.digest === undefined ? { ...blob, digest, size: source.whole!.size } : blob,
    };
  }

  /** Puts a document under its tags or its digest; {@link putManifest} says how. */
  async putManifest(bytes: Uint8Array, descriptor: Descriptor, options: PutManifestOptions = {}): Promise<Placement> {
    this.#api.expectWrites();
    return putManifest(this.#api, bytes, descriptor, options);
  }
}
