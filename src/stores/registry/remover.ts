import type { CallOptions, Remover } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import { type Descriptor, isDocument } from "../../spec/index.js";
import type { RepositoryApi } from "./connection.js";
import { registryError } from "./registry-error.js";

/** Removes documents and blobs of one repository by digest (distribution-spec 1.1, "Content Management"). */
export class RegistryRemover implements Remover {
  readonly #api: RepositoryApi;

  constructor(api: RepositoryApi) {
    this.#api = api;
  }

  /** @throws GantryError MANIFEST_UNKNOWN, BLOB_UNKNOWN, UNSUPPORTED, DENIED */
  async remove(descriptor: Descriptor, { signal }: CallOptions = {}): Promise<void> {
    const kind = isDocument(descriptor) ? "manifest" : "blob";
    const where = `${this.#api.location}@${descriptor.digest}`;
    const to = `${kind}s/${descriptor.digest}`;
    const response = await this.#api.send({ method: "DELETE", to, signal, deletes: true });
    if (response.status >= 200 && response.status < 300) {
      this.#api.connection.documents.delete(descriptor.digest);
      return response.discard();
    }
    const error = await registryError(response, { where: `remove ${where}`, subject: kind });
    if (response.status !== 400 && response.status !== 405 && response.status !== 501) throw error;
    throw new GantryError("UNSUPPORTED", `the registry does not remove ${kind}s`, {
      where,
      registry: error.registry,
      cause: error,
      hint: "Many registries have to be configured to allow deletes.",
    });
  }
}
