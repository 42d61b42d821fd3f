import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { GantryError } from "../errors.js";

/** How a body is opened. */
export interface OpenOptions {
  /** The first byte wanted, from 0. */
  readonly start?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that can be opened again, from any offset: the reason why retries, resumes and several destinations work. */
export interface Body {
  /** The length in bytes, where it is known before reading. */
  readonly size: number | undefined;
  open(options?: OpenOptions): AsyncIterable<Uint8Array>;
}

/** How much is read from a file at a time. */
const FILE_CHUNK = 256 * 1024;

/** A body over bytes in memory. For documents and other small things. */
export function bytesBody(bytes: Uint8Array): Body {
  return {
    size: bytes.byteLength,
    async *open({ start = 0, signal } = {}) {
      signal?.throwIfAborted();
      if (start < bytes.byteLength) yield start === 0 ? bytes : bytes.subarray(start);
    },
  };
}

/**
 * A body over `size` bytes of a file from `offset`. The file is opened at each `open()` and closed when the reader is
 * done or gives up. Reading throws GantryError FILE_NOT_FOUND or IO.
 */
export function fileBody(path: string, size: number, offset = 0): Body {
  return {
    size,
    async *open({ start = 0, signal } = {}) {
      signal?.throwIfAborted();
      if (start >= size) return;
      const stream = createReadStream(path, {
        start: offset + start,
        end: offset + size - 1,
        highWaterMark: FILE_CHUNK,
        ...(signal === undefined ? {} : { signal }),
      });
      try {
        for await (const chunk of stream) yield chunk as Uint8Array;
      } catch (error) {
        throw fileError(error, path);
      }
    },
  };
}

/**
 * A body over a whole file as it is now.
 *
 * @throws GantryError FILE_NOT_FOUND, IO
 */
export async function wholeFileBody(path: string): Promise<Body> {
  try {
    return fileBody(path, (await stat(path)).size);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Names a failure of the file system. What is none, an abort or the reader's own, passes. */
function fileError(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const missing = "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
  return missing
    ? new GantryError("FILE_NOT_FOUND", "there is no such file", { where: path, cause: error })
    : new GantryError("IO", `the file cannot be read: ${error.message}`, { where: path, cause: error });
}

/**
 * Reads everything into memory, for documents with a known cap.
 *
 * @throws GantryError TOO_LARGE as soon as more than `limit` bytes came
 */
export async function readAll(
  source: AsyncIterable<Uint8Array>,
  limit: number,
  what = "the content",
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.byteLength;
    if (length > limit) throw new GantryError("TOO_LARGE", `${what} is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  if (chunks.length === 1) return chunks[0]!;
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
