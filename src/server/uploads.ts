import { isRepository } from "../spec/index.js";
import type { Caller } from "./access.js";
import type { Answer, Exchange } from "./exchange.js";
import { parseContentRange } from "./ranges.js";
import { Refusal } from "./refusal.js";
import { digestIn, type Registry } from "./registry.js";
import type { ChunkRange, UploadSession } from "./upload-session.js";

/**
 * POST of `/v2/NAME/blobs/uploads/`: a mount, a whole blob, or the start of an upload (distribution-spec 1.1, "Pushing
 * blobs").
 */
export async function answerUploads(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  caller: Caller,
): Promise<Answer> {
  const { query } = exchange;
  const mount = query.get("mount");
  if (mount !== null && mount !== "") {
    const digest = digestIn(mount);
    if (await mounted(registry, repository, mount, query.get("from"), caller)) return created(repository, digest);
    return accepted(registry.uploads.start(repository, algorithmIn(query)), 202);
  }
  const text = query.get("digest");
  if (text === null) return accepted(registry.uploads.start(repository, algorithmIn(query)), 202);
  const digest = digestIn(text);
  const session = registry.uploads.start(repository, digest.startsWith("sha512:") ? "sha512" : "sha256");
  try {
    if (exchange.hasBody) await session.append(exchange, undefined);
    await session.close();
    return await commit(registry, session, text);
  } finally {
    await registry.uploads.end(session);
  }
}

/** GET, PATCH, PUT and DELETE of an upload's URL. */
export async function answerUpload(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  id: string,
): Promise<Answer> {
  const session = registry.uploads.find(repository, id);
  switch (exchange.method) {
    case "GET":
    case "HEAD":
      await session.status();
      return accepted(session, 204);
    case "DELETE":
      await session.close();
      await registry.uploads.end(session);
      return { status: 204 };
    case "PATCH":
      await append(exchange, session);
      return accepted(session, 202);
    default: {
      const digest = digestIn(exchange.query.get("digest"));
      if (exchange.hasBody) await append(exchange, session);
      await session.close();
      try {
        return await commit(registry, session, digest);
      } finally {
        await registry.uploads.end(session);
      }
    }
  }
}

/**
 * Mounts from the repository that the client names, or from any that the caller may read. A repository that it may
 * not read is as good as one that does not have the blob: a 201 would tell that it has (distribution-spec 1.1,
 * "Mounting a blob from another repository").
 */
async function mounted(
  registry: Registry,
  repository: string,
  mount: string,
  from: string | null,
  caller: Caller,
): Promise<boolean> {
  const digest = digestIn(mount);
  const mountFrom = async (source: string): Promise<boolean> =>
    (await caller.may("pull", source)) && (await registry.blobs.mount(repository, digest, source));
  if (from !== null) return isRepository(from) && mountFrom(from);
  for await (const holder of registry.blobs.holders(digest)) if (await mountFrom(holder)) return true;
  return false;
}

async function append(exchange: Exchange, session: UploadSession): Promise<void> {
  const header = exchange.header("content-range");
  let range: ChunkRange | undefined;
  if (header !== undefined && exchange.hasBody) {
    range = parseContentRange(header);
    if (range === undefined)
      throw new Refusal(400, "BLOB_UPLOAD_INVALID", `the Content-Range ${JSON.stringify(header)} is not START-END`);
  }
  try {
    await session.append(exchange, range);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 416) throw error;
    throw new Refusal(error.status, error.code, error.message, {
      location: locationOf(session),
      range: rangeOf(session),
    });
  }
}

async function commit(registry: Registry, session: UploadSession, text: string): Promise<Answer> {
  const digest = digestIn(text);
  await session.seal(digest);
  await registry.blobs.adopt(session.repository, digest, session.path);
  return created(session.repository, digest);
}

function created(repository: string, digest: string): Answer {
  return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest } };
}

function accepted(session: UploadSession, status: 202 | 204): Answer {
  const headers = { location: locationOf(session), range: rangeOf(session), "docker-upload-uuid": session.id };
  return { status, headers };
}

/** An absolute path: what a client resolves against the host that it talks to, whatever stands in between (CVE-2020-13788). */
function locationOf(session: UploadSession): string {
  return `/v2/${session.repository}/blobs/uploads/${session.id}`;
}

/** `0-0` is what an empty upload has to answer, though one byte would be the same; the size of a chunk tells them apart. */
function rangeOf(session: UploadSession): string {
  return `0-${Math.max(0, session.size - 1)}`;
}

function algorithmIn(query: URLSearchParams): "sha256" | "sha512" {
  const wanted = query.get("digest-algorithm") ?? "sha256";
  if (wanted === "sha256" || wanted === "sha512") return wanted;
  throw new Refusal(
    400,
    "DIGEST_INVALID",
    `the digest algorithm ${JSON.stringify(wanted.slice(0, 40))} is not known here`,
  );
}
