/**
 * What the tests of this room stand on: a server on this machine whose answers a test writes, and a plain transport to
 * it. Imported by tests only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { request } from "undici";
import type { HeaderMap, Transport } from "../../net/index.js";
import { GantryError } from "../../errors.js";
import { RegistryHost } from "./host.js";

/** One request as the server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  /** The bytes that came; fewer than announced when the test broke the connection. */
  readonly body: Uint8Array;
}

/** Answers one request. The body has not been read: `read` does it, up to a limit. */
export type Script = (exchange: {
  readonly method: string;
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly read: (limit?: number) => Promise<Buffer>;
  readonly answer: (status: number, headers?: Record<string, string>, body?: Uint8Array | string) => void;
  readonly hits: number;
}) => Promise<void> | void;

/** A running server with its log of `METHOD path`. */
export interface Scripted extends AsyncDisposable {
  readonly address: string;
  readonly log: string[];
  readonly host: RegistryHost;
}

/** Starts a server that answers by `script`; `hits` counts the same method and path from 1. */
export async function scripted(script: Script): Promise<Scripted> {
  const log: string[] = [];
  const hits = new Map<string, number>();
  const server = createServer((incoming, response) => {
    const line = `${incoming.method} ${incoming.url}`;
    log.push(line);
    hits.set(line, (hits.get(line) ?? 0) + 1);
    const read = async (limit = Number.POSITIVE_INFINITY): Promise<Buffer> => {
      const chunks: Buffer[] = [];
      let length = 0;
      for await (const chunk of incoming) {
        chunks.push(chunk as Buffer);
        length += (chunk as Buffer).byteLength;
        if (length >= limit) break;
      }
      return Buffer.concat(chunks);
    };
    const answer = (status: number, headers: Record<string, string> = {}, body: Uint8Array | string = ""): void => {
      response.writeHead(status, { "docker-distribution-api-version": "registry/2.0", ...headers });
      response.end(incoming.method === "HEAD" ? undefined : body);
    };
    const work = async (): Promise<void> => {
      await script({
        method: incoming.method!,
        path: incoming.url!,
        request: incoming,
        response,
        read,
        answer,
        hits: hits.get(line)!,
      });
    };
    work().catch(() => response.destroy());
  });
  // A reset is part of many a script.
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("no port");
  const address = `127.0.0.1:${bound.port}`;
  return {
    address,
    log,
    host: plainHost(address),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** A host over plain HTTP without credentials, and with short pauses. */
export function plainHost(address: string): RegistryHost {
  return new RegistryHost({
    name: address,
    transport: plainTransport,
    foreign: plainTransport,
    origin: async () => new URL(`http://${address}/`),
    retry: { delay: 1 },
  });
}

/** One request over undici, with the errors that a transport has to have. */
export const plainTransport: Transport = async ({ method, url, headers, body, signal }) => {
  try {
    const answer = await request(url, {
      method,
      headers: { ...headers, ...(body?.size === undefined ? {} : { "content-length": String(body.size) }) },
      body:
        (body === undefined ? null : await import("node:stream").then(({ Readable }) => Readable.from(body.open()))) ??
        null,
      signal: signal ?? null,
    });
    const map: HeaderMap = Object.fromEntries(
      Object.entries(answer.headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(", ") : (value ?? ""),
      ]),
    );
    return {
      status: answer.statusCode,
      headers: map,
      url,
      body: guarded(answer.body),
      discard: () => answer.body.dump(),
    };
  } catch (cause) {
    throw failed(cause);
  }
};

async function* guarded(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (cause) {
    throw failed(cause);
  }
}

function failed(cause: unknown): unknown {
  if (GantryError.is(cause) || !(cause instanceof Error) || !("code" in cause)) return cause;
  return new GantryError("CONNECTION_FAILED", cause.message, { cause });
}
