import { GantryError } from "../../../errors.js";
import type { Digest } from "../../../spec/index.js";
import type { RepositoryApi } from "../connection.js";
import { Attempts, isTransient, isTransientStatus } from "../patience.js";
import type { RegistryTraits, TraitBook } from "../traits.js";
import type { JournalEntry } from "../upload-journal.js";
import { chunked } from "./chunked.js";
import { monolithic } from "./monolithic.js";
import { beginJournaled } from "./resume.js";
import { openUpload, type UploadSession } from "./session.js";
import { singlePost } from "./single-post.js";
import type { UploadSource } from "./source.js";
import { stream } from "./stream.js";
import type { UploadStrategy } from "./strategy.js";

export { mountBlob } from "./mount.js";
export { openUpload, UploadSession } from "./session.js";
export { UploadSource } from "./source.js";

/** In the order of preference; the last fits whatever the others leave. */
const STRATEGIES: readonly UploadStrategy[] = [stream, monolithic, chunked];

/** What an upload is given. */
export interface Upload {
  readonly api: RepositoryApi;
  readonly source: UploadSource;
  /** A session that a refused mount left. */
  readonly session?: UploadSession | undefined;
  /** Whether the registry holds the blob: asked when the answer to the commit was lost. */
  readonly isThere: (digest: Digest) => Promise<boolean>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings one blob into a registry, over as many attempts as bring it on. After a break the registry is asked what it
 * has, and only the rest is sent; a session that it lost is opened anew, for this blob alone. What another attempt
 * cannot change (a refusal, a source that is not what it was promised to be) ends it at once, and the session is
 * cancelled.
 *
 * @returns the digest that the registry has committed
 * @throws GantryError
 */
export async function uploadBlob(upload: Upload): Promise<Digest> {
  const { api, source, signal } = upload;
  const attempts = new Attempts(api.connection.patience);
  const journaled = await beginJournaled(upload);
  const entry = journaled?.entry;
  let { session } = upload;
  if (session === undefined && journaled === undefined) {
    const posted = await singlePost(upload);
    if (posted === "placed") return source.digest!;
    session = posted;
    source.rewindTo(0);
  }
  let furthest = 0;
  /** A continued upload was refused: this blob goes in one piece from now on. */
  let restarted = false;
  for (;;) {
    let failure: unknown;
    let strategy: UploadStrategy | undefined;
    try {
      const resumed = await journaled?.resume();
      if (resumed !== undefined) {
        await session?.cancel();
        session = resumed;
        source.rewindTo(resumed.acknowledged);
        furthest = resumed.acknowledged;
      }
      session ??= await openSession(upload);
      await session.noteIn(entry);
      const current = session;
      const { traits } = api.connection.book;
      strategy = STRATEGIES.find((each) => each.fits(source, current, traits))!;
      const committed = await strategy.send(session, source, traits, signal);
      await journaled?.done();
      return committed;
    } catch (error) {
      failure = source.failure ?? error;
    }
    const headers = session?.answer ?? {};
    const { digest } = source;
    const verdict: Verdict =
      signal?.aborted === true || source.failure !== undefined
        ? "stop"
        : judge(failure, strategy, restarted, source, api.connection.book.traits);
    if (verdict === "stop" || session === undefined) {
      await giveUp(failure, upload, session, entry);
      signal?.throwIfAborted();
      throw failure;
    }
    try {
      // All was sent, so the answer that did not come, or the session that is gone, may have been a yes.
      const maybeThere = source.isAllSent && session.isCommitting && verdict !== "restart";
      if (digest !== undefined && maybeThere && (await upload.isThere(digest))) {
        await journaled?.done();
        return digest;
      }
      if (verdict === "smaller") limitRequests(api.connection.book, source);
      const pieces = source.isPromised ? api.connection.book.traits.chunks !== false : true;
      session = await continueWith(
        api.connection.book,
        session,
        verdict === "ask" && !pieces ? "restart" : verdict === "smaller" ? "ask" : verdict,
        signal,
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (!isTransient(error)) throw error;
      session = undefined;
    }
    if (verdict === "restart") {
      restarted = true;
      if (strategy?.name === "chunked" && !isDamage(failure)) api.connection.book.learn({ chunks: false });
    }
    const reached = session?.acknowledged ?? 0;
    source.rewindTo(reached);
    if (reached > furthest) attempts.progressed();
    furthest = Math.max(furthest, reached);
    try {
      await attempts.again(failure, { signal, headers });
    } catch (error) {
      await giveUp(error, upload, session, entry);
      throw error;
    }
  }
}

/** From so many bytes on an upload that nobody refused is left for the next run to go on with. */
const WORTH_KEEPING = 16 * 1024 * 1024;

/** Cancels the session, unless it is noted, can be gone on with, and would be missed. */
async function giveUp(
  failure: unknown,
  { source, signal }: Upload,
  session: UploadSession | undefined,
  entry: JournalEntry | undefined,
): Promise<void> {
  const mayGoOn = source.failure === undefined && (signal?.aborted === true || isTransient(failure));
  // Without a session it was the way to the registry that failed: what an earlier run noted still holds.
  if (entry !== undefined && mayGoOn && (session === undefined || source.position >= WORTH_KEEPING)) {
    await entry.leave();
    return;
  }
  await session?.cancel();
  await entry?.forget();
}

/** A proxy that refuses a body says nothing of its limit; the usual ones are 100 MB (Cloudflare) and less. */
const SMALLER = [64 * 1024 * 1024, 16 * 1024 * 1024] as const;

/** The step below the size that was refused, if there is one. */
const nextLimit = (refused: number): number | undefined => SMALLER.find((limit) => limit < refused);

function limitRequests(book: TraitBook, source: UploadSource): void {
  const { chunkMax } = book.traits;
  const limit = nextLimit(Math.min(source.size ?? 0, chunkMax ?? Number.POSITIVE_INFINITY));
  if (limit !== undefined) book.learn({ chunkMax: limit });
}

/** What registries say to a PATCH that they do not want, whatever is in it. */
const PIECES_REFUSED: ReadonlySet<string> = new Set(["BLOB_UPLOAD_INVALID", "RANGE_INVALID", "UNSUPPORTED", "UNKNOWN"]);

/** What a failure asks for. */
type Verdict = "stop" | "ask" | "new session" | "restart" | "smaller";

function judge(
  failure: unknown,
  strategy: UploadStrategy | undefined,
  restarted: boolean,
  source: UploadSource,
  { chunks, chunkMax, chunkMin, rangeLags }: RegistryTraits,
): Verdict {
  const status = GantryError.is(failure) ? failure.registry?.status : undefined;
  // No session could be opened: that request has been repeated by the middleware already.
  if (strategy === undefined) return "stop";
  if (status === undefined) return isTransient(failure) ? "ask" : "stop";
  if (isTransientStatus(status)) return "ask";
  // Who counts behind would only say the same wrong offset again.
  if (status === 416) return rangeLags === true ? "new session" : "ask";
  const codes = GantryError.is(failure) ? (failure.registry?.errors ?? []).map(({ code }) => code) : [];
  if (status === 404) {
    // No session of that name, says a registry; a server without PATCH says it of the address.
    const unknown = codes.length === 0 || codes.includes("UNSUPPORTED");
    return strategy.name === "chunked" && unknown && !restarted ? "restart" : "new session";
  }
  if (status === 413 && source.isPromised && chunks !== false) {
    const limit = nextLimit(Math.min(source.size ?? 0, chunkMax ?? Number.POSITIVE_INFINITY));
    return limit !== undefined && limit >= (chunkMin ?? 0) ? "smaller" : "stop";
  }
  // A registry that does not take pieces gets the blob in one, once.
  const refusesPieces = codes.length === 0 || codes.some((code) => PIECES_REFUSED.has(code));
  const pieced = strategy.name === "chunked" && (status === 405 || (status === 400 && refusesPieces));
  return (pieced || isDamage(failure)) && !restarted ? "restart" : "stop";
}

/** The registry has other bytes than those that left here, which were hashed on their way out. */
const isDamage = (failure: unknown): boolean =>
  GantryError.is(failure) && failure.registry?.errors.some(({ code }) => code === "DIGEST_INVALID") === true;

/** The session to go on with; undefined for a new one. */
async function continueWith(
  book: TraitBook,
  session: UploadSession,
  verdict: "ask" | "new session" | "restart",
  signal: AbortSignal | undefined,
): Promise<UploadSession | undefined> {
  if (verdict === "new session") return undefined;
  // Nothing arrived, or the registry's `0-0` leaves open whether one byte did: a new session has no doubt in it.
  if (verdict === "ask" && book.traits.resumes !== false) {
    const known = await session.ask(signal);
    if (known && session.acknowledged > 0) return session;
    if (!known && session.isCommitting && book.traits.chunkMax === undefined) book.learn({ putResumes: false });
  }
  await session.cancel();
  return undefined;
}

async function openSession({ api, signal }: Upload): Promise<UploadSession> {
  const opened = await openUpload(api, {}, [], signal);
  if (!opened.mounted) return opened.session;
  throw new GantryError("REGISTRY_PROTOCOL", "the registry mounted a blob that was not named", { where: api.location });
}
