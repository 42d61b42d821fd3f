import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { algorithmOf, type Digest, type DigestAlgorithm, digestFrom } from "../spec/index.js";
import type { DurableFiles } from "./durable-files.js";
import type { Exchange } from "./exchange.js";
import { Refusal } from "./refusal.js";

/** Bytes are written to disk in pieces of this size. */
const WRITE_SIZE = 1024 * 1024;

/** A sync is begun whenever so much has been written, so that the one at the end does not find a gigabyte to do. */
const SYNC_SIZE = 32 * 1024 * 1024;

/** Where a chunk says that it belongs: `Content-Range: START-END`, both inclusive. */
export interface ChunkRange {
  readonly start: number;
  readonly end: number;
}

/**
 * An upload under way: a file that grows, and the hash of what is in it. Its URL never changes, so an old one works as
 * well as the newest.
 *
 * A body that breaks off leaves its first bytes here, not yet settled. Who asks for the status has them settled and
 * resumes after them; who sends the same again without asking starts where the last settled request ended. Both are
 * what clients do, and both end right.
 */
export class UploadSession {
  readonly id: string;
  readonly repository: string;
  readonly path: string;
  lastUsed: number = Date.now();
  readonly #files: DurableFiles;
  readonly #algorithm: DigestAlgorithm;
  #hash: Hash;
  #size = 0;
  #settledHash: Hash;
  #settledSize = 0;
  #closed = false;
  #sender: { exchange: Exchange; done: Promise<void> } | undefined;

  constructor(id: string, repository: string, path: string, algorithm: DigestAlgorithm, files: DurableFiles) {
    this.id = id;
    this.repository = repository;
    this.path = path;
    this.#files = files;
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
    this.#settledHash = createHash(algorithm);
  }

  get size(): number {
    return this.#size;
  }

  /** Whether a request is sending or ending it right now. */
  get busy(): boolean {
    return this.#sender !== undefined || this.#closed;
  }

  /**
   * Ends a request that still sends to this session. A client that comes back has lost its old connection, though the
   * server may not have heard of that yet.
   */
  async takeOver(): Promise<void> {
    this.lastUsed = Date.now();
    while (this.#sender !== undefined) {
      this.#sender.exchange.abandon();
      await this.#sender.done;
    }
  }

  /** Takes over and settles what has come, for the client is told of it. */
  async status(): Promise<number> {
    await this.takeOver();
    this.#settle();
    return this.#size;
  }

  /**
   * Adds a request's body.
   *
   * @throws Refusal 416 when the range does not start at the end of what is here, 400 when it is not as long as it says
   */
  async append(exchange: Exchange, range: ChunkRange | undefined): Promise<void> {
    await this.takeOver();
    this.#checkOpen();
    if (range === undefined) this.#rollBack();
    else if (range.start !== this.#size) {
      this.#settle();
      throw new Refusal(
        416,
        "BLOB_UPLOAD_INVALID",
        `the upload holds ${this.#size} bytes; the next chunk starts there`,
      );
    }
    const length = range === undefined ? undefined : range.end - range.start + 1;
    const declared = exchange.contentLength;
    if (length !== undefined && declared !== undefined && declared !== length)
      throw new Refusal(400, "SIZE_INVALID", `a chunk of ${declared} bytes calls itself ${length} bytes long`);
    this.#settle();
    let done!: () => void;
    const sender = { exchange, done: new Promise<void>((resolve) => (done = resolve)) };
    this.#sender = sender;
    try {
      const before = this.#size;
      await this.#spool(exchange, length);
      if (length !== undefined && this.#size - before !== length) {
        this.#rollBack();
        throw new Refusal(400, "SIZE_INVALID", `the chunk is not ${length} bytes long`);
      }
      this.#settle();
    } finally {
      this.lastUsed = Date.now();
      this.#sender = undefined;
      done();
    }
  }

  /**
   * Ends the adding. Of several requests that close one upload, one goes on to take its file or to remove it.
   *
   * @throws Refusal 404 for the others
   */
  async close(): Promise<void> {
    await this.takeOver();
    this.#checkOpen();
    this.#closed = true;
  }

  /**
   * Checks that the content of a closed upload is `digest` and makes it durable; the file can be taken then.
   *
   * @throws Refusal 400 DIGEST_INVALID
   */
  async seal(digest: Digest): Promise<void> {
    const file = await open(this.path, "a+");
    try {
      await file.truncate(this.#size);
      const algorithm = algorithmOf(digest);
      const hash = algorithm === this.#algorithm ? this.#hash.copy() : createHash(algorithm);
      if (algorithm !== this.#algorithm) {
        const content = file.createReadStream({ start: 0, highWaterMark: WRITE_SIZE, autoClose: false });
        for await (const chunk of content) hash.update(chunk as Buffer);
      }
      const got = digestFrom(algorithm, hash.digest("hex"));
      if (got !== digest) throw new Refusal(400, "DIGEST_INVALID", `the content is ${got}, not ${digest}`);
      await this.#files.sync(file);
    } finally {
      await file.close();
    }
  }

  /** Forgets the content. */
  async discard(): Promise<void> {
    await this.takeOver();
    await rm(this.path, { force: true });
  }

  /** Hash and write overlap: while a piece goes to disk, the next one arrives and is hashed. */
  async #spool(exchange: Exchange, limit: number | undefined): Promise<void> {
    const file = await open(this.path, this.#size === 0 ? "w" : "r+");
    let received = 0;
    let batch: Buffer[] = [];
    let batched = 0;
    let writing: Promise<unknown> | undefined;
    let syncing: Promise<void> | undefined;
    let unsynced = 0;
    const write = async (): Promise<void> => {
      await writing;
      if (batched === 0) return;
      const [pieces, at] = [batch, this.#size];
      this.#size += batched;
      [batch, batched] = [[], 0];
      writing = writeAll(file, pieces, at);
      // Awaited before the next piece or at the end; a failure in between must not count as unhandled.
      writing.catch(() => undefined);
      unsynced += WRITE_SIZE;
      if (unsynced < SYNC_SIZE || syncing !== undefined) return;
      unsynced = 0;
      // Its failure is found again by the sync that counts, in seal().
      syncing = this.#files.sync(file).then(
        () => (syncing = undefined),
        () => undefined,
      );
    };
    try {
      try {
        for await (const chunk of exchange.body()) {
          received += chunk.byteLength;
          this.#hash.update(chunk);
          if (limit !== undefined && received > limit) break;
          batch.push(chunk);
          batched += chunk.byteLength;
          if (batched >= WRITE_SIZE) await write();
        }
      } finally {
        // Also when the client went away: what came is kept, for it may come back and resume.
        await write();
        await writing;
      }
      if (limit !== undefined && received > limit) {
        this.#rollBack();
        throw new Refusal(400, "SIZE_INVALID", `the chunk is longer than the ${limit} bytes that it claims`);
      }
    } catch (error) {
      // After a failed write nobody knows what the file holds beyond the settled part.
      if (!(error instanceof Refusal) && (error as NodeJS.ErrnoException).syscall === "write") this.#rollBack();
      throw error;
    } finally {
      await syncing;
      await file.close();
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new Refusal(404, "BLOB_UPLOAD_UNKNOWN", "the upload has been closed");
  }

  #settle(): void {
    this.#settledSize = this.#size;
    this.#settledHash = this.#hash.copy();
  }

  #rollBack(): void {
    if (this.#size === this.#settledSize) return;
    this.#size = this.#settledSize;
    this.#hash = this.#settledHash.copy();
  }
}

async function writeAll(file: FileHandle, pieces: readonly Buffer[], at: number): Promise<void> {
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const { bytesWritten } = await file.writev(pieces, at);
  if (bytesWritten === length) return;
  // A short write is a full disk, or a signal; the rest tells which.
  const rest = Buffer.concat(pieces).subarray(bytesWritten);
  for (let done = 0; done < rest.byteLength; )
    done += (await file.write(rest, done, rest.byteLength - done, at + bytesWritten + done)).bytesWritten;
}
