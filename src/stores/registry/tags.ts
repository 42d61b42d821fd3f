import type { CallOptions, Tags } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import { isTag } from "../../spec/index.js";
import type { RepositoryApi } from "./connection.js";
import { listNames } from "./pages.js";
import { registryError } from "./registry-error.js";

/** What most registries give at most; distribution and ECR refuse more. */
const PAGE_SIZE = 1000;

/** The tags of one repository (distribution-spec 1.1, "Listing Tags", "Deleting tags"). */
export class RegistryTags implements Tags {
  readonly #api: RepositoryApi;

  constructor(api: RepositoryApi) {
    this.#api = api;
  }

  /**
   * Every tag, in the registry's order, page by page.
   *
   * @throws GantryError NAME_UNKNOWN, REGISTRY_PROTOCOL
   */
  async *list({ signal }: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    const size = String(this.#api.connection.book.traits.pageSize ?? PAGE_SIZE);
    const names = listNames({
      key: "tags",
      asked: { where: `list tags of ${this.#api.location}`, subject: "tags" },
      patience: this.#api.connection.patience,
      signal,
      ask: (page) =>
        this.#api.send({
          method: "GET",
          to: page instanceof URL ? page : "tags/list",
          ...(page === "first" ? { query: { n: size } } : {}),
          signal,
        }),
    });
    for await (const name of names) {
      // What is no tag could be anything where it is printed: a terminal's escape, or a command to a CI runner (`::set-env`).
      if (!isTag(name)) {
        throw new GantryError(
          "REGISTRY_PROTOCOL",
          `the registry lists ${JSON.stringify(name.slice(0, 80))}, which is no tag`,
          {
            where: this.#api.location,
          },
        );
      }
      yield name;
    }
  }

  /**
   * Removes the name; the document stays under its digest.
   *
   * @throws GantryError MANIFEST_UNKNOWN, UNSUPPORTED where the registry deletes by digest only
   */
  async remove(tag: string, { signal }: CallOptions = {}): Promise<void> {
    const where = `${this.#api.location}:${tag}`;
    if (!isTag(tag)) throw new GantryError("REFERENCE_INVALID", `${JSON.stringify(tag)} is not a tag`, { where });
    const response = await this.#api.send({ method: "DELETE", to: `manifests/${tag}`, signal, deletes: true });
    if (response.status >= 200 && response.status < 300) return response.discard();
    const error = await registryError(response, { where: `remove ${where}`, subject: "manifest" });
    if (response.status !== 400 && response.status !== 405 && response.status !== 501) throw error;
    throw new GantryError("UNSUPPORTED", "the registry does not remove tags", {
      where,
      registry: error.registry,
      cause: error,
      hint: "Removing the manifest by its digest removes all its tags, where the registry allows deletes at all.",
    });
  }
}
