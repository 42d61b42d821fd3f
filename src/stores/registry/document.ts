import { GantryError } from "../../errors.js";
import {
  algorithmOf,
  bareMediaType,
  type Descriptor,
  type Digest,
  isDigest,
  isIndexType,
  isManifestType,
  MANIFEST_ACCEPT,
  MAX_DOCUMENT_BYTES,
  MEDIA_TYPES,
  parseDocument,
} from "../../spec/index.js";
import { digestOf, readAll, verifyBytes } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { Attempts, isWorthAnother } from "./patience.js";
import { registryError } from "./registry-error.js";

/** Every type that gantry reads: without it registries convert to what they think an old client wants. */
export const ACCEPT: string = MANIFEST_ACCEPT.join(", ");

/** What is known of a document before it is read. */
interface Known {
  readonly digest?: Digest;
  readonly size?: number;
  readonly mediaType?: string;
}

/** A document as it was read. */
export interface DocumentRead {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  /** A strong validator, where the registry offers one. */
  readonly etag: string | undefined;
}

/**
 * Reads a manifest or index by tag or digest: capped, hashed, and compared with what the registry calls it. What came
 * damaged (a wrong digest, a short body, a broken connection) is fetched afresh, once for wrong bytes (faults.md, D06
 * and D07) and as patience allows for connections.
 *
 * @throws GantryError MANIFEST_UNKNOWN, DIGEST_MISMATCH, SIZE_MISMATCH, MANIFEST_INVALID, TOO_LARGE
 */
export async function readDocument(
  api: RepositoryApi,
  name: string,
  known: Known,
  signal: AbortSignal | undefined,
): Promise<DocumentRead> {
  const attempts = new Attempts(api.connection.patience);
  for (let damaged = 0; ; ) {
    try {
      return await readOnce(api, name, known, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (isDamage(error) && damaged === 0) {
        damaged += 1;
      } else if (isWorthAnother(error)) {
        await attempts.again(error, { signal });
      } else {
        throw error;
      }
    }
  }
}

const isDamage = (error: unknown): boolean =>
  GantryError.is(error) && (error.code === "DIGEST_MISMATCH" || error.code === "SIZE_MISMATCH");

async function readOnce(
  api: RepositoryApi,
  name: string,
  known: Known,
  signal: AbortSignal | undefined,
): Promise<DocumentRead> {
  const where = nameIn(api, name);
  const response = await api.send({
    method: "GET",
    to: `manifests/${name}`,
    headers: { accept: ACCEPT, "accept-encoding": "identity" },
    signal,
  });
  if (response.status !== 200) throw await registryError(response, { where: `pull ${where}`, subject: "manifest" });
  const length = Number(response.headers["content-length"] ?? 0);
  if (length > MAX_DOCUMENT_BYTES) {
    await response.discard();
    throw new GantryError("TOO_LARGE", `the manifest is larger than ${MAX_DOCUMENT_BYTES} bytes`, { where });
  }
  // A copy of its own: a Buffer would be a window on a socket's larger block.
  const bytes = new Uint8Array(await readAll(response.body, MAX_DOCUMENT_BYTES, "the manifest"));
  if (length !== 0 && bytes.byteLength < length) {
    throw new GantryError("CONNECTION_FAILED", `the answer ended after ${bytes.byteLength} of ${length} bytes`, {
      where,
    });
  }
  const digest = digestToTrust(api, response.headers["docker-content-digest"], known, bytes, where);
  const given = response.headers["etag"];
  const etag = given?.startsWith('"') === true ? given : undefined;
  const claimed = bareMediaType(response.headers["content-type"] ?? "");
  refuseSchema1(claimed, where);
  if (known.mediaType !== undefined) {
    return { descriptor: { mediaType: known.mediaType, digest, size: bytes.byteLength }, bytes, etag };
  }
  // A type that says nothing of documents (application/json, none at all) leaves the word to the document itself.
  const { mediaType } = parseDocument(bytes, isManifestType(claimed) || isIndexType(claimed) ? claimed : undefined);
  return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes, etag };
}

/** The digest that the bytes really have; what was asked for and what the registry says have to agree with it. */
function digestToTrust(
  api: RepositoryApi,
  given: string | undefined,
  known: Known,
  bytes: Uint8Array,
  where: string,
): Digest {
  if (known.digest !== undefined) {
    // Content-addressed: the header adds nothing, so a wrong one harms nobody.
    verifyBytes(bytes, { digest: known.digest, size: known.size }, where);
    return known.digest;
  }
  if (given === undefined || !isDigest(given)) return digestOf(bytes);
  const actual = digestOf(bytes, algorithmOf(given));
  if (actual === given) return actual;
  throw new GantryError("DIGEST_MISMATCH", `the manifest is ${actual} where ${api.connection.host} calls it ${given}`, {
    where,
    facts: { expected: given, got: actual },
  });
}

/** `host/repo:tag` or `host/repo@digest`. */
export function nameIn(api: RepositoryApi, name: string): string {
  return `${api.location}${name.includes(":") ? "@" : ":"}${name}`;
}

/** Docker's first format has no digest for its config; nothing reads or writes it any more. */
export function refuseSchema1(mediaType: string, where: string): void {
  if (mediaType !== MEDIA_TYPES.dockerSchema1 && mediaType !== MEDIA_TYPES.dockerSchema1Signed) return;
  throw new GantryError("UNSUPPORTED", "the manifest is of Docker's schema 1", {
    where,
    hint: "Pull and push the image once with a current Docker to bring it to schema 2.",
  });
}
