import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { type Answer, type Exchange, json } from "./exchange.js";
import { Refusal } from "./refusal.js";

const FILE_CHUNK = 1024 * 1024;

/** What is read and thrown away of a body that nobody wanted, before the connection is cut. */
const MAX_DRAIN = 64 * 1024 * 1024;

/** Sends an answer. Returns the number of body bytes. HEAD gets the same headers and no body. */
export async function send(exchange: Exchange, response: ServerResponse, answer: Answer): Promise<number> {
  try {
    drain(exchange);
    const length = answer.length ?? answer.file?.length ?? answer.body?.byteLength ?? 0;
    response.statusCode = answer.status;
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    // Whoever knows us can take the shortcuts that are not everywhere: a blob in one POST.
    response.setHeader("server", "gantry");
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    if (answer.status !== 204 && answer.status !== 304) response.setHeader("content-length", length);
    const head = exchange.method === "HEAD" || answer.status === 204 || answer.status === 304;
    if (head || (answer.file === undefined && answer.body === undefined) || length === 0) {
      await finished(response, undefined);
      return 0;
    }
    if (answer.file === undefined) {
      await finished(response, answer.body);
      return length;
    }
    const { handle, start } = answer.file;
    const stream = handle.createReadStream({
      start,
      end: start + length - 1,
      highWaterMark: FILE_CHUNK,
      autoClose: false,
    });
    await pipeline(stream, response);
    return length;
  } finally {
    await answer.file?.handle.close();
  }
}

/** The answer to a failed request: the error document of distribution-spec 1.1. */
export function refuse(refusal: Refusal): Answer {
  return json(refusal.status, { errors: [{ code: refusal.code, message: refusal.message }] }, refusal.headers);
}

/** Whatever was thrown, as a refusal; what the client must not learn stays out of it. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "ENOSPC" || code === "EDQUOT") return new Refusal(507, "UNKNOWN", "the registry's disk is full");
  if (code === "ECONNRESET") return new Refusal(400, "BLOB_UPLOAD_INVALID", "the body ended before its time");
  return new Refusal(500, "UNKNOWN", "the registry failed");
}

/** Reads what is left of a request, so that the client hears the answer instead of a reset; but not without end. */
function drain(exchange: Exchange): void {
  const { request } = exchange;
  if (request.readableEnded || request.destroyed) return;
  let drained = 0;
  request.on("data", (chunk: Buffer) => {
    drained += chunk.byteLength;
    if (drained > MAX_DRAIN) request.destroy();
  });
  request.on("error", () => undefined);
}

async function finished(response: ServerResponse, body: Uint8Array | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(body, () => resolve());
  });
}
