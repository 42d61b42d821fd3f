import { type Descriptor, type Digest, isIndexType, MEDIA_TYPES, parseIndex } from "../spec/index.js";
import { type Answer, type Exchange, json } from "./exchange.js";
import { digestIn, type Registry } from "./registry.js";

/** How long an answer may grow before the rest goes to the next page. Clients stop reading documents at 4 MiB. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 4096;

/**
 * GET of `/v2/NAME/referrers/DIGEST` (distribution-spec 1.1, "Listing Referrers"): always an index, also for a subject
 * or a repository that is not here. What clients listed under the fallback tag, before this API was there to ask,
 * counts too ("Enabling the Referrers API").
 */
export async function answerReferrers(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  text: string,
): Promise<Answer> {
  const subject = digestIn(text);
  const artifactType = exchange.query.get("artifactType");
  const last = exchange.query.get("last") ?? "";
  const listed = await fallbackOf(registry, repository, subject);
  const names = new Set(listed.keys());
  for await (const name of registry.repositories.referrers(repository, subject)) names.add(name);

  const manifests: Descriptor[] = [];
  let bytes = 0;
  let next: string | undefined;
  let previous = "";
  for (const name of [...names].sort()) {
    if (name <= last) continue;
    const descriptor = (await registry.repositories.referrer(repository, subject, name)) ?? listed.get(name);
    if (descriptor === undefined) continue;
    if (artifactType !== null && descriptor.artifactType !== artifactType) continue;
    bytes += Buffer.byteLength(JSON.stringify(descriptor)) + 1;
    if (bytes > MAX_PAGE_BYTES && manifests.length > 0) {
      next = previous;
      break;
    }
    manifests.push(descriptor);
    previous = name;
  }
  const type = artifactType === null ? "" : `artifactType=${encodeURIComponent(artifactType)}&`;
  return json(
    200,
    { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests },
    {
      "content-type": MEDIA_TYPES.ociIndex,
      ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
      ...(next === undefined
        ? {}
        : { link: `</v2/${repository}/referrers/${subject}?${type}last=${encodeURIComponent(next)}>; rel="next"` }),
    },
  );
}

/** The referrers that clients keep in an index under a tag made of the subject's digest ("Referrers Tag Schema"). */
async function fallbackOf(registry: Registry, repository: string, subject: Digest): Promise<Map<string, Descriptor>> {
  const found = new Map<string, Descriptor>();
  const colon = subject.indexOf(":");
  const tag = `${subject.slice(0, colon)}-${subject.slice(colon + 1, colon + 65)}`;
  const digest = await registry.repositories.resolve(repository, tag);
  const manifest = digest === undefined ? undefined : await registry.repositories.manifest(repository, digest);
  if (manifest === undefined || !isIndexType(manifest.mediaType)) return found;
  for (const descriptor of parseIndex(manifest.bytes, manifest.mediaType).manifests)
    found.set(descriptor.digest.replace(":", "-"), descriptor);
  return found;
}
