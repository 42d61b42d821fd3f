import type { ResolveOptions } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import type { HttpResponse } from "../../net/index.js";
import {
  bareMediaType,
  type Descriptor,
  type Digest,
  isDigest,
  isIndexType,
  isManifestType,
  isTag,
  parseDigest,
} from "../../spec/index.js";
import type { RepositoryApi } from "./connection.js";
import { isRegistryAnswer, registryError } from "./registry-error.js";
import { ACCEPT, nameIn, readDocument, refuseSchema1 } from "./document.js";
import { similarTags } from "./suggest.js";

/**
 * What a tag or digest of this repository points at. One HEAD, which registries with pull limits do not count; a GET
 * only where HEAD cannot tell: a registry that has no HEAD, or leaves out the digest, the type or the length. With
 * `willRead` the GET comes first and its bytes are kept for the `manifest()` that follows.
 *
 * @throws GantryError MANIFEST_UNKNOWN, DIGEST_MISMATCH, MANIFEST_INVALID, UNAUTHORIZED, DENIED, REFERENCE_INVALID
 */
export async function resolveName(api: RepositoryApi, name: string, options: ResolveOptions = {}): Promise<Descriptor> {
  // No string becomes a part of a URL before it has been parsed.
  const digest = name.includes(":") ? parseDigest(name) : undefined;
  if (digest === undefined && !isTag(name)) {
    throw new GantryError("REFERENCE_INVALID", `${JSON.stringify(name)} is not a tag`, { where: api.location });
  }
  try {
    return (
      (options.willRead === true ? undefined : await head(api, name, digest, options)) ??
      (await get(api, name, digest, options))
    );
  } catch (error) {
    if (
      options.suggest === true &&
      GantryError.is(error) &&
      error.code === "MANIFEST_UNKNOWN" &&
      digest === undefined
    ) {
      throw error.with({ hint: await similarTags(api, name, options.signal) });
    }
    throw error;
  }
}

async function head(
  api: RepositoryApi,
  name: string,
  digest: Digest | undefined,
  { signal }: ResolveOptions,
): Promise<Descriptor | undefined> {
  const response = await api.send({ method: "HEAD", to: `manifests/${name}`, headers: { accept: ACCEPT }, signal });
  if (response.status === 200) {
    await response.discard();
    return describe(api, response, digest);
  }
  if (!headSaysNothing(response)) {
    throw await registryError(response, { where: `pull ${nameIn(api, name)}`, subject: "manifest" });
  }
  await response.discard();
  return undefined;
}

/** A refusal of the method itself, or a page of something that stands before the registry. */
function headSaysNothing(response: HttpResponse): boolean {
  if (response.status === 405 || response.status === 501) return true;
  // Registries say 404 in JSON and with their version header; a GET there would be a second no.
  return response.status === 404 && !isRegistryAnswer(response) && response.headers["content-type"] !== undefined;
}

/** The descriptor in the headers, where they hold one. */
function describe(api: RepositoryApi, response: HttpResponse, asked: Digest | undefined): Descriptor | undefined {
  const given = response.headers["docker-content-digest"];
  const mediaType = bareMediaType(response.headers["content-type"] ?? "");
  const length = response.headers["content-length"] ?? "";
  if (!/^[1-9]\d{0,15}$/.test(length)) return undefined;
  if (!isManifestType(mediaType) && !isIndexType(mediaType)) {
    refuseSchema1(mediaType, api.location);
    return undefined;
  }
  if (given !== undefined && !isDigest(given)) return undefined;
  if (asked !== undefined && given !== undefined && given !== asked) {
    throw new GantryError("DIGEST_MISMATCH", `the registry answers with ${given} where ${asked} was asked for`, {
      where: api.location,
      facts: { expected: asked, got: given },
    });
  }
  const digest = given ?? asked;
  return digest === undefined ? undefined : { mediaType, digest, size: Number(length) };
}

async function get(
  api: RepositoryApi,
  name: string,
  digest: Digest | undefined,
  { signal }: ResolveOptions,
): Promise<Descriptor> {
  const { descriptor, bytes } = await readDocument(api, name, digest === undefined ? {} : { digest }, signal);
  api.connection.documents.put(descriptor.digest, bytes);
  return descriptor;
}
