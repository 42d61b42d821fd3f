import { isTransient } from "../patience.js";
import { registryError } from "../registry-error.js";
import type { Upload } from "./index.js";
import { sessionIn, type UploadSession } from "./session.js";

/** Above this a second request costs nothing beside the bytes, and a session that can be gone on with is worth more. */
const SINGLE_UP_TO = 1024 * 1024;

/**
 * The whole blob in the request that would open its session (distribution-spec 1.1, "Single POST"). Half of all requests
 * of an image of small blobs, and only for registries that are known to take it: others read the bytes and open a
 * session all the same.
 *
 * @throws GantryError UNAUTHORIZED, DENIED: another way would be refused too
 * @returns "placed"; or the session that was opened instead; undefined where the blob has to go another way
 */
export async function singlePost({
  api,
  source,
  isThere,
  signal,
}: Upload): Promise<"placed" | UploadSession | undefined> {
  const { book } = api.connection;
  const { digest, size } = source;
  if (book.traits.singlePost !== true || digest === undefined || size === undefined || size > SINGLE_UP_TO) {
    return undefined;
  }
  try {
    const response = await api.send({
      method: "POST",
      to: "blobs/uploads/",
      query: { digest },
      headers: { "content-type": "application/octet-stream" },
      body: source.slice(0),
      repeat: "never",
      signal,
    });
    if (response.status === 401 || response.status === 403) {
      throw await registryError(response, { where: `push ${api.location}`, subject: "upload" });
    }
    await response.discard();
    if (response.status === 201) return "placed";
    if (response.status < 500 && response.status !== 429) book.learn({ singlePost: false });
    return response.status === 202 ? sessionIn(api, response) : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    // A source that failed has been named by the transport; what broke on the way gets another way.
    if (source.failure !== undefined || !isTransient(error)) throw error;
    return source.isAllSent && (await isThere(digest)) ? "placed" : undefined;
  }
}
