import { GantryError } from "../../../errors.js";
import type { Digest, RepositoryName } from "../../../spec/index.js";
import type { RepositoryApi } from "../connection.js";
import { type Opened, openUpload, type UploadSession } from "./session.js";

/** Locations are hints; after two wrong ones an upload is as good. */
const MAX_TRIES = 2;

/**
 * Asks the registry to take a blob over from another of its repositories. A registry that does not answers with a
 * session, which then serves for the upload; one that may not read there refuses, and is asked without `from`.
 *
 * @returns a session when the bytes have to be sent after all; undefined when none was opened yet
 */
export async function mountBlob(
  api: RepositoryApi,
  digest: Digest,
  from: readonly RepositoryName[],
  signal: AbortSignal | undefined,
): Promise<Opened | undefined> {
  const here = from.filter(({ host, repository }) => host === api.connection.host && repository !== api.name);
  let session: UploadSession | undefined;
  for (const { repository } of here.slice(0, MAX_TRIES)) {
    const opened = await tryFrom(api, digest, repository, signal);
    // An earlier try's session is not needed any more: either the blob is there, or a newer session is.
    if (opened !== undefined) await session?.cancel();
    if (opened?.mounted === true) return opened;
    session = opened?.session ?? session;
  }
  return session === undefined ? undefined : { mounted: false, session };
}

async function tryFrom(
  api: RepositoryApi,
  digest: Digest,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<Opened | undefined> {
  try {
    return await openUpload(api, { mount: digest, from: repository }, [`repository:${repository}:pull`], signal);
  } catch (error) {
    signal?.throwIfAborted();
    // Not readable there, or not known: whether this repository may be written is for a plain POST to find out.
    if (GantryError.is(error) && NOT_FROM_THERE.has(error.code)) return undefined;
    throw error;
  }
}

const NOT_FROM_THERE: ReadonlySet<string> = new Set([
  "UNAUTHORIZED",
  "DENIED",
  "NAME_UNKNOWN",
  "BLOB_UNKNOWN",
  "NOT_FOUND",
  "REGISTRY_REFUSED",
]);
