import { GantryError } from "../errors.js";
import {
  algorithmOf,
  bareMediaType,
  type Descriptor,
  type Digest,
  type Document,
  isDigest,
  isIndexType,
  isManifestType,
  isTag,
  parseDocument,
} from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import type { Answer, Exchange } from "./exchange.js";
import { checkPreconditions, etagOf, isFresh } from "./preconditions.js";
import { Refusal } from "./refusal.js";
import { checkDeletable, checkMutable, digestIn, type Registry } from "./registry.js";

/** Tags that one push by digest may carry; the spec asks for at least ten. */
const MAX_TAG_PARAMETERS = 100;

/** GET, HEAD, PUT and DELETE of `/v2/NAME/manifests/REFERENCE` (distribution-spec 1.1, "Pulling", "Pushing" and "Deleting manifests"). */
export async function answerManifest(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  reference: string,
): Promise<Answer> {
  // What has a colon is meant as a digest; it must not be looked for as a tag.
  const named = reference.includes(":") ? { digest: digestIn(reference) } : { tag: reference };
  switch (exchange.method) {
    case "PUT":
      return put(registry, exchange, repository, named);
    case "DELETE":
      return named.digest === undefined
        ? removeTag(registry, exchange, repository, named.tag)
        : removeManifest(registry, exchange, repository, named.digest);
    default:
      return read(registry, exchange, repository, named);
  }
}

type Named =
  | { readonly digest: Digest; readonly tag?: undefined }
  | { readonly tag: string; readonly digest?: undefined };

async function read(registry: Registry, exchange: Exchange, repository: string, named: Named): Promise<Answer> {
  const digest = named.digest ?? (await currentOf(registry, repository, named.tag));
  if (digest === undefined) throw unknownManifest(named.tag ?? "");
  const described = await registry.repositories.describe(repository, digest);
  if (described === undefined) throw unknownManifest(digest);
  const headers = { "content-type": described.mediaType, "docker-content-digest": digest, etag: etagOf(digest) };
  if (isFresh(exchange, digest)) return { status: 304, headers };
  if (exchange.method === "HEAD") return { status: 200, headers, length: described.size };
  const manifest = await registry.repositories.manifest(repository, digest);
  if (manifest === undefined) throw unknownManifest(digest);
  return { status: 200, headers, body: manifest.bytes };
}

/**
 * Takes any manifest or index that has one reading. That its blobs, children or subject are here is not asked: the
 * conformance suite's sparse images, non-distributable layers and missing subjects have to be accepted, and a client
 * checks what it pulls.
 */
async function put(registry: Registry, exchange: Exchange, repository: string, named: Named): Promise<Answer> {
  const tags = named.digest === undefined ? [named.tag] : [...new Set(exchange.query.getAll("tag"))];
  if (tags.length > MAX_TAG_PARAMETERS)
    throw new Refusal(414, "TAG_INVALID", `at most ${MAX_TAG_PARAMETERS} tags are accepted at once`);
  for (const tag of tags) if (!isTag(tag)) throw new Refusal(400, "TAG_INVALID", `${JSON.stringify(tag)} is not a tag`);
  const bytes = await exchange.document(registry.maxManifestBytes);
  const digest = digestOf(bytes, named.digest === undefined ? "sha256" : algorithmOf(named.digest));
  if (named.digest !== undefined && named.digest !== digest)
    throw new Refusal(400, "DIGEST_INVALID", `the manifest is ${digest}, not ${named.digest}`);
  const document = documentIn(bytes, exchange.header("content-type"), registry.maxManifestBytes);
  const subject = document.value.subject?.digest;
  const descriptor = describe(document, digest, bytes.byteLength);
  const manifest = {
    mediaType: document.mediaType,
    bytes,
    digest,
    tags,
    ...(subject === undefined ? {} : { refersTo: { subject, descriptor } }),
  };
  await registry.repositories.put(repository, manifest, async () => {
    checkPreconditions(exchange, await currentOf(registry, repository, named));
    for (const tag of tags) checkMutable(registry, tag, await currentOf(registry, repository, tag), digest);
  });
  return {
    status: 201,
    headers: {
      location: `/v2/${repository}/manifests/${named.tag ?? digest}`,
      "docker-content-digest": digest,
      etag: etagOf(digest),
      ...(subject === undefined ? {} : { "oci-subject": subject }),
      ...(named.digest === undefined || tags.length === 0 ? {} : { "oci-tag": tags }),
    },
  };
}

async function removeTag(registry: Registry, exchange: Exchange, repository: string, tag: string): Promise<Answer> {
  checkDeletable(registry);
  const check = async (): Promise<void> => {
    const current = await currentOf(registry, repository, tag);
    checkPreconditions(exchange, current);
    checkMutable(registry, tag, current, undefined);
  };
  if (!isTag(tag) || !(await registry.repositories.removeTag(repository, tag, check))) throw unknownManifest(tag);
  return { status: 202 };
}

async function removeManifest(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  digest: Digest,
): Promise<Answer> {
  checkDeletable(registry);
  const manifest = await registry.repositories.manifest(repository, digest);
  if (manifest === undefined) throw unknownManifest(digest);
  const subject = subjectIn(manifest.bytes);
  const removed = await registry.repositories.removeManifest(repository, digest, subject, async (tags) => {
    checkPreconditions(exchange, await currentOf(registry, repository, { digest }));
    for (const tag of tags) checkMutable(registry, tag, digest, undefined);
  });
  if (!removed) throw unknownManifest(digest);
  return { status: 202, headers: { "docker-content-digest": digest } };
}

/** What a tag points at, or the digest itself when there is such a manifest. */
async function currentOf(registry: Registry, repository: string, named: Named | string): Promise<Digest | undefined> {
  if (typeof named === "string") return isTag(named) ? registry.repositories.resolve(repository, named) : undefined;
  if (named.digest === undefined) return currentOf(registry, repository, named.tag);
  const there = await registry.repositories.describe(repository, named.digest);
  return there === undefined ? undefined : named.digest;
}

/** @throws Refusal 400 MANIFEST_INVALID */
function documentIn(bytes: Uint8Array, contentType: string | undefined, limit: number): Document {
  const claimed = contentType === undefined ? undefined : bareMediaType(contentType);
  if (claimed !== undefined && !isManifestType(claimed) && !isIndexType(claimed)) {
    const message = `manifests of the type ${JSON.stringify(claimed.slice(0, 160))} are not accepted`;
    throw new Refusal(400, "MANIFEST_INVALID", message);
  }
  try {
    return parseDocument(bytes, claimed, limit);
  } catch (error) {
    if (GantryError.is(error)) throw new Refusal(400, "MANIFEST_INVALID", error.message);
    throw error;
  }
}

/** The subject of a manifest that was checked when it came; what is stored can be deleted, whatever is refused by now. */
function subjectIn(bytes: Uint8Array): Digest | undefined {
  const { subject } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { subject?: { digest?: string } | null };
  return subject?.digest !== undefined && isDigest(subject.digest) ? subject.digest : undefined;
}

/** What the referrers API says of a manifest (distribution-spec 1.1, "Listing Referrers"). */
function describe(document: Document, digest: Digest, size: number): Descriptor {
  const { artifactType = "", annotations } = document.value;
  const type = artifactType !== "" ? artifactType : document.kind === "manifest" ? document.value.config.mediaType : "";
  return {
    mediaType: document.mediaType,
    digest,
    size,
    ...(type === "" ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  };
}

function unknownManifest(name: string): Refusal {
  return new Refusal(404, "MANIFEST_UNKNOWN", `there is no manifest ${name.slice(0, 160)} in this repository`);
}
