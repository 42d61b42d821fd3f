import { GantryError } from "../../../errors.js";
import { pause } from "../patience.js";
import type { JournalEntry, UploadKey } from "../upload-journal.js";
import type { Upload } from "./index.js";
import { UploadSession } from "./session.js";

/** Below this a new upload costs less than the questions about an old one. */
const JOURNALED_FROM = 1024 * 1024;

/**
 * What a dead sender's last connection still brings may arrive after we came: the network and proxies have buffers. The
 * registry's count has to be the same twice, so long apart, before anything is added to it.
 */
const SETTLED_AFTER = 300;
const MOST_QUESTIONS = 100;

/** An upload that is noted on disk. */
export interface JournaledStart {
  readonly entry: JournalEntry;
  /** The session that an earlier run left, where the registry still has it and something in it. Asked once. */
  resume(): Promise<UploadSession | undefined>;
  /** The blob is placed: nothing that was noted of it is wanted any more. */
  done(): Promise<void>;
}

/** Opens the journal for an upload that is worth it; undefined for others. */
export async function beginJournaled({ api, source, signal }: Upload): Promise<JournaledStart | undefined> {
  const { journal, book } = api.connection;
  const { digest, size } = source;
  if (journal === undefined || digest === undefined || (size ?? 0) < JOURNALED_FROM) return undefined;
  if (book.traits.resumes === false) return undefined;
  const { origin } = await api.connection.origin();
  const key: UploadKey = { origin, repository: api.name, digest };
  let { entry, found } = await journal.open(key);
  return {
    entry,
    async done() {
      await entry.forget();
      await journal.forget(key);
    },
    async resume() {
      if (found === undefined) return undefined;
      const session = new UploadSession(api, found.location);
      const known = await settled(session, signal);
      found = undefined;
      if (known && session.acknowledged > 0 && session.acknowledged <= size!) return session;
      // It may have expired; but where a break loses a session, smaller steps lose less of the next one.
      if (!known) book.learn({ putResumes: false });
      await session.cancel();
      return undefined;
    },
  };
}

/** Asks until the answer stays the same. False: the registry does not know the session, or will not say. */
async function settled(session: UploadSession, signal: AbortSignal | undefined): Promise<boolean> {
  let before = -1;
  for (let questions = 0; questions < MOST_QUESTIONS; questions += 1) {
    try {
      if (!(await session.ask(signal))) return false;
    } catch (error) {
      // An address that this run refuses to go to is no reason not to begin anew.
      if (GantryError.is(error) && (error.code === "REGISTRY_PROTOCOL" || error.code === "ORIGIN_REFUSED"))
        return false;
      throw error;
    }
    if (session.acknowledged === before) return true;
    before = session.acknowledged;
    await pause(SETTLED_AFTER, signal);
  }
  return false;
}
