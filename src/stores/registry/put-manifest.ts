import type { Placement, PutManifestOptions } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import type { HttpResponse } from "../../net/index.js";
import { type Descriptor, type Digest, isDigest, isTag, parseDocument } from "../../spec/index.js";
import { bytesBody, verifyBytes } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { ACCEPT, nameIn } from "./document.js";
import { addToFallback } from "./fallback.js";
import { pause } from "./patience.js";
import { registryError } from "./registry-error.js";

/**
 * Puts a document under each tag, or under its digest. A PUT of the same bytes changes nothing, so a lost answer or a
 * 5xx is simply asked again. What the registry says that it stored has to be what was sent (distribution-spec 1.1,
 * "Pushing Manifests"). A document with a `subject` is entered in the fallback tag where the registry keeps no list of
 * referrers itself.
 *
 * @throws GantryError BLOB_UNKNOWN with the missing digests in `facts.digests`, CONFLICT, REGISTRY_PROTOCOL,
 *   REGISTRY_REFUSED, UNAUTHORIZED, DENIED
 */
export async function putManifest(
  api: RepositoryApi,
  bytes: Uint8Array,
  descriptor: Descriptor,
  options: PutManifestOptions,
): Promise<Placement> {
  verifyBytes(bytes, descriptor, api.location);
  const tags = options.tags ?? [];
  for (const tag of tags) {
    if (!isTag(tag)) {
      throw new GantryError("REFERENCE_INVALID", `${JSON.stringify(tag)} is not a tag`, { where: api.location });
    }
  }
  let listed = false;
  for (const name of tags.length === 0 ? [descriptor.digest] : tags) {
    const condition = options.ifMatch === undefined ? {} : await compare(api, name, options.ifMatch, options.signal);
    const response = await put(api, name, bytes, descriptor, condition, options);
    options.onBytes?.(bytes.byteLength);
    listed ||= response.headers["oci-subject"] !== undefined;
  }
  if (!listed) {
    const { value } = parseDocument(bytes, descriptor.mediaType);
    if (value.subject !== undefined) await addToFallback(api, value.subject.digest, descriptor, value, options.signal);
  }
  return {
    how: options.present === "ignore" ? "repaired" : "uploaded",
    bytes: bytes.byteLength * Math.max(1, tags.length),
    descriptor,
  };
}

/** How often a registry may call bytes wrong that were found right here. */
const MAX_DOUBTS = 3;

async function put(
  api: RepositoryApi,
  name: string,
  bytes: Uint8Array,
  descriptor: Descriptor,
  condition: Readonly<Record<string, string>>,
  options: PutManifestOptions,
): Promise<HttpResponse> {
  for (let doubts = 1; ; doubts++) {
    const response = await api.send({
      method: "PUT",
      to: `manifests/${name}`,
      headers: { "content-type": descriptor.mediaType, ...condition },
      body: bytesBody(bytes),
      signal: options.signal,
    });
    try {
      await check(api, response, name, descriptor.digest, options.ifMatch);
      return response;
    } catch (error) {
      // Damaged on its way; or distribution 2 read a blob's link while another client was writing it, which it reports so.
      const doubted = GantryError.is(error) && error.registry?.errors.some(({ code }) => code === "DIGEST_INVALID");
      if (doubted !== true || doubts >= MAX_DOUBTS) throw error;
      await pause(50 * doubts, options.signal);
    }
  }
}

/** Looks where the name points now, and gives the condition that makes the registry look again, where it can. */
async function compare(
  api: RepositoryApi,
  name: string,
  wanted: Digest | "",
  signal: AbortSignal | undefined,
): Promise<Readonly<Record<string, string>>> {
  const response = await api.send({ method: "HEAD", to: `manifests/${name}`, headers: { accept: ACCEPT }, signal });
  if (response.status === 404) {
    await response.discard();
    if (wanted === "") return { "if-none-match": "*" };
    throw conflict(api, name, wanted, "it does not exist");
  }
  if (response.status !== 200) {
    throw await registryError(response, { where: `push ${nameIn(api, name)}`, subject: "manifest" });
  }
  await response.discard();
  const now = response.headers["docker-content-digest"];
  if (now !== wanted)
    throw conflict(api, name, wanted, `it points at ${now !== undefined && isDigest(now) ? now : "something else"}`);
  const { etag } = response.headers;
  return etag?.startsWith('"') === true ? { "if-match": etag } : {};
}

function conflict(api: RepositoryApi, name: string, wanted: Digest | "", found: string): GantryError {
  const expected = wanted === "" ? "it was expected not to exist" : `it was expected to point at ${wanted}`;
  return new GantryError("CONFLICT", `the name was changed by someone else: ${found}, and ${expected}`, {
    where: nameIn(api, name),
    facts: { name, expected: wanted },
  });
}

async function check(
  api: RepositoryApi,
  response: HttpResponse,
  name: string,
  digest: Digest,
  ifMatch: Digest | "" | undefined,
): Promise<void> {
  const where = nameIn(api, name);
  if (response.status === 412 && ifMatch !== undefined) {
    await response.discard();
    throw conflict(api, name, ifMatch, "it moved in between");
  }
  if (response.status < 200 || response.status >= 300) {
    const error = await registryError(response, { where: `push ${where}`, subject: "upload" });
    // An index whose child is missing: the same gap as a missing blob, and healed the same way.
    if (error.code !== "MANIFEST_UNKNOWN") throw error;
    throw new GantryError("BLOB_UNKNOWN", error.message, { ...detailsOf(error), cause: error });
  }
  await response.discard();
  const stored = response.headers["docker-content-digest"];
  if (stored !== undefined && stored !== digest) {
    throw new GantryError("REGISTRY_PROTOCOL", `the registry says that it stored ${stored.slice(0, 160)}`, {
      where,
      hint: "It was sent other bytes: something between here and there may have changed them.",
      facts: { expected: digest, got: stored.slice(0, 160) },
    });
  }
}

const detailsOf = ({ where, registry, facts, hint }: GantryError) => ({ where, registry, facts, hint });
