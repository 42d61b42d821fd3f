/**
 * What the tests of this room stand on: a server on this machine whose answers a test writes, and a host that asks it.
 * Imported by tests only.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { RegistryHost } from "./host.js";
import { type HostOptions, openHost } from "./open-host.js";

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
export async function scripted(script: Script, options: Partial<HostOptions> = {}): Promise<Scripted> {
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
  const host = plainHost(address, options);
  return {
    address,
    log,
    host,
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

/** A host as anyone opens it, over plain HTTP on loopback, with short pauses and deadlines. */
export function plainHost(address: string, options: Partial<HostOptions> = {}): RegistryHost {
  return openHost({ name: address, retry: { delay: 1 }, timeouts: { headers: 2000, stall: 1000 }, ...options });
}
