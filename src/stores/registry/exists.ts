import type { HttpResponse } from "../../net/index.js";
import type { Digest } from "../../spec/index.js";
import type { RepositoryApi } from "./connection.js";
import { ACCEPT } from "./document.js";
import { registryError } from "./registry-error.js";

/**
 * Whether the repository holds a blob: one HEAD. What was noted of its upload by a process that died before it heard the
 * answer is then forgotten.
 *
 * @throws GantryError for anything but yes and no
 */
export async function holdsBlob(api: RepositoryApi, digest: Digest, signal: AbortSignal | undefined): Promise<boolean> {
  const response = await api.send({ method: "HEAD", to: `blobs/${digest}`, signal });
  const isThere = await answer(api, digest, "blob", response);
  if (isThere) {
    const { journal } = api.connection;
    await journal?.forget({ origin: (await api.connection.origin()).origin, repository: api.name, digest });
  }
  return isThere;
}

/** The length of a blob, by one HEAD; undefined when it is not there or its length is not told. */
export async function sizeOfBlob(
  api: RepositoryApi,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const response = await api.send({ method: "HEAD", to: `blobs/${digest}`, signal });
  const length = response.headers["content-length"];
  if (!(await answer(api, digest, "blob", response)) || length === undefined || !/^\d{1,15}$/.test(length))
    return undefined;
  return Number(length);
}

/** Whether the repository holds a document: one HEAD. @throws GantryError for anything but yes and no */
export async function holdsManifest(
  api: RepositoryApi,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const response = await api.send({ method: "HEAD", to: `manifests/${digest}`, headers: { accept: ACCEPT }, signal });
  return answer(api, digest, "manifest", response);
}

async function answer(
  api: RepositoryApi,
  digest: Digest,
  subject: "blob" | "manifest",
  response: HttpResponse,
): Promise<boolean> {
  if (response.status === 200) {
    await response.discard();
    return true;
  }
  // No HEAD here (405): the put that follows will tell.
  if (response.status === 404 || response.status === 405) {
    await response.discard();
    return false;
  }
  throw await registryError(response, { where: `look for ${api.location}@${digest}`, subject });
}
