import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { DigestAlgorithm } from "../spec/index.js";
import type { DurableFiles } from "./durable-files.js";
import { Refusal } from "./refusal.js";
import { UploadSession } from "./upload-session.js";

/** Sessions that may be open at once: each holds two hash states and a file. */
const MAX_SESSIONS = 10_000;

/** The uploads under way. They live as long as the server; what a client has of one after a restart is a 404. */
export class UploadSessions {
  readonly #folder: string;
  readonly #files: DurableFiles;
  readonly #expiry: number;
  readonly #sessions = new Map<string, UploadSession>();

  constructor(folder: string, files: DurableFiles, expiry: number) {
    this.#files = files;
    this.#folder = folder;
    this.#expiry = expiry;
  }

  /** @throws Refusal 429 when too many are open */
  start(repository: string, algorithm: DigestAlgorithm): UploadSession {
    if (this.#sessions.size >= MAX_SESSIONS)
      throw new Refusal(429, "TOOMANYREQUESTS", "too many uploads are open", { "retry-after": "10" });
    const id = randomUUID();
    const session = new UploadSession(id, repository, join(this.#folder, id), algorithm, this.#files);
    this.#sessions.set(id, session);
    return session;
  }

  /** @throws Refusal 404 when there is no such upload in this repository */
  find(repository: string, id: string): UploadSession {
    const session = this.#sessions.get(id);
    if (session === undefined || session.repository !== repository || this.#isStale(session))
      throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", "there is no such upload; it may have expired");
    return session;
  }

  /** Ends an upload; its file goes, if nobody took it. */
  async end(session: UploadSession): Promise<void> {
    this.#sessions.delete(session.id);
    await session.discard();
  }

  /** Ends the uploads that nobody has touched for the time of expiry. */
  async expire(): Promise<void> {
    for (const session of this.#sessions.values()) if (this.#isStale(session)) await this.end(session);
  }

  async endAll(): Promise<void> {
    for (const session of this.#sessions.values()) await this.end(session);
  }

  #isStale(session: UploadSession): boolean {
    return !session.busy && Date.now() - session.lastUsed > this.#expiry;
  }
}
