import { GantryError } from "../../../errors.js";
import type { HeaderMap, HttpResponse } from "../../../net/index.js";
import type { Digest } from "../../../spec/index.js";
import type { Body } from "../../../streams/index.js";
import type { RepositoryApi } from "../connection.js";
import { placeNamedBy } from "../link.js";
import { registryError } from "../registry-error.js";
import type { JournalEntry } from "../upload-journal.js";

/** How long the end of an upload that nobody wants any more may take. */
const CANCEL_TIMEOUT = 2_000;

/** Above this the end of an upload gets more time: registries hash it once more, or copy it in their object store. */
const LARGE = 64 * 1024 * 1024;
const PATIENCE_FOR_LARGE = 30_000;
/** Bytes in a millisecond: the slowest copy that is still waited for. */
const COMMIT_RATE = 16 * 1024;

/** One open upload at a registry (distribution-spec 1.1, "Pushing blobs"): where it is, and how much has arrived. */
export class UploadSession {
  readonly #api: RepositoryApi;
  #location: URL;
  #acknowledged = 0;
  #answer: HeaderMap = {};
  #committing = false;
  #journal: JournalEntry | undefined;

  constructor(api: RepositoryApi, location: URL) {
    this.#api = api;
    this.#location = location;
  }

  /** Where the next request of this session goes. */
  get location(): URL {
    return this.#location;
  }

  /** From now on each step of the session is noted, so that another process can go on with it. */
  async noteIn(journal: JournalEntry | undefined): Promise<void> {
    this.#journal = journal;
    await this.#record();
  }

  /** How many bytes the registry says that it has. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** The end was asked for: if the answer did not come, the blob may be there. */
  get isCommitting(): boolean {
    return this.#committing;
  }

  /** The headers of the last answer, for its Retry-After. */
  get answer(): HeaderMap {
    return this.#answer;
  }

  /**
   * Sends bytes. With `ranged` the registry can refuse what does not join; without it they go to the end. Where
   * `rangeLags`, a yes counts for all that was sent, whatever the answer's Range says.
   *
   * @throws GantryError whatever the registry answered; its status is in `registry`
   */
  async append(
    body: Body,
    from: number,
    ranged: boolean,
    signal: AbortSignal | undefined,
    rangeLags = false,
  ): Promise<void> {
    const range = body.size === undefined || !ranged ? {} : { "content-range": `${from}-${from + body.size - 1}` };
    const response = await this.#send("PATCH", body, { ...range, ...BINARY }, {}, signal);
    const got = rangeLags ? undefined : acknowledgedIn(response.headers["range"]);
    const sent = body.size === undefined ? undefined : from + body.size;
    // `0-0` stands for no byte and for one; what was sent tells which. Without the header the yes counts for all.
    this.#acknowledged = got === undefined || (got === 0 && sent === 1) ? (sent ?? this.#acknowledged) : got;
    await response.discard();
    await this.#record();
  }

  /**
   * Ends the upload, with the whole blob in the request or after all of it has been sent.
   *
   * @throws GantryError whatever the registry answered
   */
  async commit(digest: Digest, size: number, body: Body | undefined, signal: AbortSignal | undefined): Promise<void> {
    const response = await this.#send("PUT", body, body === undefined ? {} : BINARY, { digest }, signal, size);
    await response.discard();
  }

  /** Asks how much has arrived. False when the registry does not know the session any more, or does not say. */
  async ask(signal: AbortSignal | undefined): Promise<boolean> {
    const response = await this.#api.send({ method: "GET", to: this.#location, signal });
    this.#note(response);
    await response.discard();
    if (response.status < 200 || response.status >= 300) return false;
    this.#acknowledged = acknowledgedIn(response.headers["range"]) ?? 0;
    await this.#record();
    return true;
  }

  /** Tells the registry to forget the upload. Best effort: it forgets by itself some day. */
  async cancel(): Promise<void> {
    await this.#journal?.forget();
    try {
      const signal = AbortSignal.timeout(CANCEL_TIMEOUT);
      const response = await this.#api.send({ method: "DELETE", to: this.#location, repeat: "never", signal });
      await response.discard();
    } catch {
      // Whatever made us give up is the error that counts.
    }
  }

  async #record(): Promise<void> {
    await this.#journal?.record({ location: this.#location, acknowledged: this.#acknowledged });
  }

  async #send(
    method: "PATCH" | "PUT",
    body: Body | undefined,
    headers: HeaderMap,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
    commits = 0,
  ): Promise<HttpResponse> {
    this.#answer = {};
    this.#committing = method === "PUT";
    const response = await this.#api.send({
      method,
      to: this.#location,
      headers,
      query,
      repeat: "never",
      ...(commits <= LARGE ? {} : { answerWithin: PATIENCE_FOR_LARGE + commits / COMMIT_RATE }),
      ...(body === undefined ? {} : { body }),
      signal,
    });
    this.#note(response, method === "PATCH");
    if (response.status >= 200 && response.status < 300) return response;
    if (response.status === 416) this.#acknowledged = acknowledgedIn(response.headers["range"]) ?? this.#acknowledged;
    throw await registryError(response, { where: `push ${this.#api.location}`, subject: "upload" });
  }

  #note(response: HttpResponse, isPatch = false): void {
    this.#answer = response.headers;
    const { location } = response.headers;
    // A 201's Location is the blob's, after which nothing is sent any more; but ECR says 201 to a PATCH.
    const goesOn = [202, 204, 416].includes(response.status) || (isPatch && response.status === 201);
    if (location !== undefined && goesOn) {
      this.#location = placeNamedBy(response, location, "upload address");
    }
  }
}

const BINARY: HeaderMap = { "content-type": "application/octet-stream" };

/** What a POST to the uploads of a repository led to. */
export type Opened = { readonly mounted: true } | { readonly mounted: false; readonly session: UploadSession };

/**
 * Opens a session, or has a blob mounted where `query` asks for it and the registry can.
 *
 * @throws GantryError whatever the registry answered; REGISTRY_PROTOCOL for a session without an address
 */
export async function openUpload(
  api: RepositoryApi,
  query: Readonly<Record<string, string>>,
  alsoScopes: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Opened> {
  // Safe to repeat: at worst a second session stays open, which nobody writes to.
  const response = await api.send({ method: "POST", to: "blobs/uploads/", query, alsoScopes, signal });
  if (response.status === 201 && query["mount"] !== undefined) {
    await response.discard();
    return { mounted: true };
  }
  if (response.status < 200 || response.status >= 300) {
    throw await registryError(response, { where: `push ${api.location}`, subject: "upload" });
  }
  await response.discard();
  return { mounted: false, session: sessionIn(api, response) };
}

/** The session that an answer to a POST names. @throws GantryError REGISTRY_PROTOCOL */
export function sessionIn(api: RepositoryApi, response: HttpResponse): UploadSession {
  const { location } = response.headers;
  if (location === undefined) {
    throw new GantryError("REGISTRY_PROTOCOL", "the registry opened an upload and did not say where", {
      where: api.location,
    });
  }
  return new UploadSession(api, placeNamedBy(response, location, "upload address"));
}

/** `0-1023`, also with a unit before it: 1024 bytes. `0-0` is what registries say of nothing at all. */
function acknowledgedIn(range: string | undefined): number | undefined {
  const match = /^(?:bytes[= ])?0-(\d{1,15})$/.exec(range?.trim() ?? "");
  if (match === null) return undefined;
  return match[1] === "0" ? 0 : Number(match[1]) + 1;
}
