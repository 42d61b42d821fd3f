import type { CallOptions, Referrers } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import type { HttpResponse } from "../../net/index.js";
import {
  bareMediaType,
  type Descriptor,
  type Digest,
  hexOf,
  isIndexType,
  algorithmOf,
  MAX_DOCUMENT_BYTES,
  parseIndex,
} from "../../spec/index.js";
import { readAll } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { readDocument } from "./document.js";
import { nextPage } from "./link.js";
import { isRegistryAnswer, registryError } from "./registry-error.js";

/** Options of a list of referrers. */
type ListOptions = CallOptions & { readonly artifactType?: string };

/** What points at a subject, by the API or by the tag that stands in for it (distribution-spec 1.1, "Listing Referrers"). */
export class RegistryReferrers implements Referrers {
  readonly #api: RepositoryApi;

  constructor(api: RepositoryApi) {
    this.#api = api;
  }

  /**
   * Every referrer, filtered here too: a registry need not filter. Where the registry has no such API the fallback tag
   * is read instead; that is remembered for the host.
   *
   * @throws GantryError REGISTRY_PROTOCOL, UNAUTHORIZED, DENIED: never "none" for a question that failed
   */
  async *list(subject: Descriptor, options: ListOptions = {}): AsyncGenerator<Descriptor, void, undefined> {
    for await (const referrer of this.#all(subject, options)) {
      if (options.artifactType === undefined || referrer.artifactType === options.artifactType) yield referrer;
    }
  }

  async *#all(subject: Descriptor, options: ListOptions): AsyncGenerator<Descriptor, void, undefined> {
    const seen = new Set<string>();
    const query = options.artifactType === undefined ? {} : { artifactType: options.artifactType };
    const where = `list referrers of ${this.#api.location}@${subject.digest}`;
    let page: URL | string | undefined = `referrers/${subject.digest}`;
    if (this.#api.connection.book.traits.referrers === false) page = undefined;
    for (let first = true; page !== undefined; first = false) {
      const response: HttpResponse = await this.#api.send({
        method: "GET",
        to: page,
        ...(first ? { query } : {}),
        headers: { accept: "application/vnd.oci.image.index.v1+json" },
        signal: options.signal,
      });
      if (first && isMissing(response)) {
        // A registry that has the API may still say NAME_UNKNOWN in JSON; that is no word about the API.
        if (!isRegistryAnswer(response)) this.#api.connection.book.learn({ referrers: false });
        await response.discard();
        break;
      }
      if (response.status !== 200) throw await registryError(response, { where, subject: "referrers" });
      const next = nextPage(response);
      const bytes = await readAll(response.body, MAX_DOCUMENT_BYTES, "a page of referrers");
      const { manifests } = parseIndex(bytes, bareMediaType(response.headers["content-type"] ?? ""));
      yield* manifests;
      if (next === undefined) return;
      // A page without entries that links on, or to where we were: no end would come by itself.
      if (manifests.length === 0 || seen.has(next.href)) {
        throw new GantryError("REGISTRY_PROTOCOL", "the registry's list of referrers leads in a circle", { where });
      }
      seen.add(next.href);
      page = next;
    }
    yield* (await readFallback(this.#api, subject.digest, options.signal))?.manifests ?? [];
  }
}

/** The API always answers 200 with an index, an empty one for an unknown subject; anything else is its absence. */
function isMissing(response: HttpResponse): boolean {
  const { status } = response;
  return (
    status === 404 ||
    status === 405 ||
    status === 501 ||
    (status === 200 && !isIndexType(bareMediaType(response.headers["content-type"] ?? "")))
  );
}

/** The tag that lists a subject's referrers where there is no API: `sha256-<hex>` (distribution-spec 1.1, "Referrers Tag Schema"). */
export function fallbackTag(subject: Digest): string {
  return `${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`;
}

/** The fallback index and what makes sure that it is replaced by no one else in between. */
export interface Fallback {
  readonly digest: Digest;
  readonly manifests: readonly Descriptor[];
  readonly etag: string | undefined;
}

/** The fallback index as it is now; undefined when there is none. */
export async function readFallback(
  api: RepositoryApi,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<Fallback | undefined> {
  try {
    const { descriptor, bytes, etag } = await readDocument(api, fallbackTag(subject), {}, signal);
    return { digest: descriptor.digest, manifests: parseIndex(bytes, descriptor.mediaType).manifests, etag };
  } catch (error) {
    if (GantryError.is(error) && (error.code === "MANIFEST_UNKNOWN" || error.code === "NAME_UNKNOWN")) return undefined;
    throw error;
  }
}
