import { GantryError } from "../../errors.js";
import type { HttpResponse } from "../../net/index.js";
import { algorithmOf, type Descriptor } from "../../spec/index.js";
import { type Body, checkHash, Hasher } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { openForeign } from "./foreign.js";
import { Attempts, isWorthAnother } from "./patience.js";
import { registryError } from "./registry-error.js";
import { Widening } from "./widening.js";

/** One pass over a blob: where it stands and what it has learned from the answers so far. */
interface Pass {
  /** The next byte that the reader gets. */
  at: number;
  /** A strong validator of the first answer, so that two versions are never mixed (RFC 9110, 13.1.5). */
  etag: string | undefined;
  /** A range was refused, or another one was sent: the whole blob is asked for, and what is known of it passed over. */
  whole: boolean;
  /** The registry has shown that it answers with parts. */
  ranges: boolean;
  /** How often the place that the registry redirects to has refused what the registry allowed. */
  refusals: number;
}

/** As often a place elsewhere may refuse: the address that it was given may have been dead on arrival. */
const MAX_REFUSALS = 2;

/**
 * A blob as it lies in a registry. A broken, short or stalled answer is continued where it stopped, always through the
 * registry's own URL: the address that it redirected to may have expired (faults.md, D17). Every answer that brings a
 * byte starts the count of attempts again.
 *
 * A pass from the first byte is verified at its end. A stream that has been handed out cannot be taken back, so the
 * mismatch is thrown with the fact `retryable`: who wrote to a temporary place reads the blob once more.
 *
 * @throws GantryError BLOB_UNKNOWN, DIGEST_MISMATCH, SIZE_MISMATCH, REGISTRY_PROTOCOL
 */
export function blobBody(api: RepositoryApi, blob: Descriptor): Body {
  return {
    size: blob.size,
    open: ({ start = 0, signal } = {}) => read(api, blob, start, signal),
  };
}

async function* read(
  api: RepositoryApi,
  blob: Descriptor,
  start: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const where = `${api.location}@${blob.digest}`;
  const hasher = start === 0 ? new Hasher(algorithmOf(blob.digest)) : undefined;
  const attempts = new Attempts(api.connection.patience);
  const pass: Pass = { at: start, etag: undefined, whole: false, ranges: false, refusals: 0 };
  const widening = new Widening(api, blob);
  while (pass.at < blob.size) {
    let failure: unknown;
    const widens = widening.isWanted(pass.at, pass.ranges);
    try {
      widening.begin(pass.at);
      const chunks = widens ? widening.read(pass.at, pass.etag, signal) : receive(api, blob, pass, signal);
      for await (const chunk of chunks) {
        pass.at += chunk.byteLength;
        if (pass.at > blob.size) throw tooLong(blob, where);
        hasher?.update(chunk);
        attempts.progressed();
        yield chunk;
        if (!widens && widening.isWanted(pass.at, pass.ranges)) break;
      }
      // Several connections were no better; or one was slow, and they are tried now.
      if (widens || widening.isWanted(pass.at, pass.ranges)) continue;
      if (pass.at < blob.size) failure = shortAnswer(blob, pass.at, where);
    } catch (error) {
      signal?.throwIfAborted();
      if (widens) continue;
      if (!isWorthAnother(error)) throw error;
      failure = error;
    }
    if (failure !== undefined) await attempts.again(failure, { signal });
  }
  if (hasher === undefined) return;
  try {
    checkHash(hasher, blob, where);
  } catch (error) {
    throw GantryError.is(error) ? error.with({ facts: { retryable: true } }) : error;
  }
}

/** The bytes from `pass.at` on, as far as one answer brings them. */
async function* receive(
  api: RepositoryApi,
  blob: Descriptor,
  pass: Pass,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  let response = await ask(api, blob, pass, signal);
  if (response.status === 206 && !rangeFits(response, blob, pass.at)) {
    await response.discard();
    if (pass.at === 0 || pass.whole) throw wrongRange(response, blob, pass.at);
    pass.whole = true;
    response = await ask(api, blob, pass, signal);
    if (response.status === 206) throw wrongRange(response, blob, 0);
  }
  // The whole blob in answer to a part: no ranges here, or another version behind If-Range. The digest will tell.
  pass.ranges = response.status === 206 || response.headers["accept-ranges"]?.trim().toLowerCase() === "bytes";
  let skip = response.status === 206 ? 0 : pass.at;
  const etag = response.headers["etag"];
  pass.etag ??= etag?.startsWith('"') === true ? etag : undefined;
  for await (const chunk of response.body) {
    if (skip >= chunk.byteLength) {
      skip -= chunk.byteLength;
    } else {
      yield skip === 0 ? chunk : chunk.subarray(skip);
      skip = 0;
    }
  }
}

/** What servers without ranges say to one, those aside that send the whole. */
const NO_RANGES: ReadonlySet<number> = new Set([400, 405, 501]);

async function ask(
  api: RepositoryApi,
  blob: Descriptor,
  pass: Pass,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  const ranged = pass.at > 0 && !pass.whole;
  const headers = ranged
    ? { range: `bytes=${pass.at}-`, ...(pass.etag === undefined ? {} : { "if-range": pass.etag }) }
    : {};
  const asked = { where: `pull ${api.location}@${blob.digest}`, subject: "blob" } as const;
  // Identity: a digest is over the bytes as they lie there, not over what a proxy made smaller on the way.
  const response = await api.send({
    method: "GET",
    to: `blobs/${blob.digest}`,
    headers: { "accept-encoding": "identity", ...headers },
    signal,
  });
  const { status } = response;
  if (status === 200 || status === 206) return response;
  if (status === 416) {
    await response.discard();
    throw shortAnswer(blob, pass.at, asked.where, "SIZE_MISMATCH");
  }
  if (ranged && NO_RANGES.has(status)) {
    await response.discard();
    pass.whole = true;
    return ask(api, blob, pass, signal);
  }
  const error = await registryError(response, asked);
  if (status === 404 && blob.urls !== undefined) {
    return openForeign(api.connection.foreign, blob.urls, headers, error, signal);
  }
  throw (await isDeadAddress(api, response, pass)) ? deadAddress(error) : error;
}

/** A signed address may be dead when it is used: the registry is asked for another one, a few times. */
async function isDeadAddress(api: RepositoryApi, response: HttpResponse, pass: Pass): Promise<boolean> {
  // S3 and Azure say 403 of it, Google 400.
  if (response.status !== 403 && response.status !== 400) return false;
  if (response.url.host === (await api.connection.origin()).host || pass.refusals >= MAX_REFUSALS) return false;
  pass.refusals += 1;
  return true;
}

function deadAddress(error: GantryError): GantryError {
  return new GantryError("CONNECTION_FAILED", "the place that the registry redirects to refused", {
    where: error.where,
    cause: error,
  });
}

function rangeFits(response: HttpResponse, blob: Descriptor, start: number): boolean {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(response.headers["content-range"] ?? "");
  return match !== null && Number(match[1]) === start && (match[3] === "*" || Number(match[3]) === blob.size);
}

function wrongRange(response: HttpResponse, blob: Descriptor, start: number): GantryError {
  return new GantryError("REGISTRY_PROTOCOL", "the registry sent another range than the one that was asked for", {
    where: blob.digest,
    facts: { asked: `bytes=${start}-`, got: response.headers["content-range"] ?? "" },
  });
}

function shortAnswer(
  blob: Descriptor,
  at: number,
  where: string,
  code: "CONNECTION_FAILED" | "SIZE_MISMATCH" = "CONNECTION_FAILED",
): GantryError {
  return new GantryError(code, `the registry sends ${at} bytes of ${blob.digest} where ${blob.size} were promised`, {
    where,
    facts: {
      digest: blob.digest,
      expected: blob.size,
      got: at,
      ...(code === "SIZE_MISMATCH" ? { retryable: true } : {}),
    },
  });
}

function tooLong(blob: Descriptor, where: string): GantryError {
  return new GantryError("SIZE_MISMATCH", `content of ${blob.digest} has more than the ${blob.size} bytes promised`, {
    where,
    facts: { digest: blob.digest, expected: blob.size },
  });
}
