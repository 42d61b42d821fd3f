import { mkdtempSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { readAll } from "../streams/index.js";
import type { HttpResponse } from "./transport.js";

/** For tests: a real server at a loopback address that remembers what it was asked. */
export interface TestOrigin extends AsyncDisposable {
  readonly url: URL;
  /** `127.0.0.1:41234`. */
  readonly host: string;
  readonly seen: { readonly method: string; readonly url: string; readonly headers: IncomingMessage["headers"] }[];
  readonly connections: () => number;
  readonly server: Server;
}

/** For tests: starts a server at `127.0.0.1`, or another loopback address, which makes it another origin. */
export async function startOrigin(
  answer: (request: IncomingMessage, response: ServerResponse, origin: TestOrigin) => void,
  { address = "127.0.0.1", tls, port = 0 }: { address?: string; tls?: TlsOptions; port?: number } = {},
): Promise<TestOrigin> {
  const seen: TestOrigin["seen"] = [];
  let connections = 0;
  const sockets = new Set<Socket>();
  const listener: RequestListener = (request, response) => {
    seen.push({ method: request.method!, url: request.url!, headers: request.headers });
    answer(request, response, origin);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on("connection", (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  const at = server.address() as AddressInfo;
  const host = `${at.family === "IPv6" ? `[${at.address}]` : at.address}:${at.port}`;
  const origin: TestOrigin = {
    url: new URL(`${tls === undefined ? "http" : "https"}://${host}`),
    host,
    seen,
    server,
    connections: () => connections,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return origin;
}

/** For tests: an answer's body as text. */
export async function textOf(response: HttpResponse): Promise<string> {
  return new TextDecoder().decode(await readAll(response.body, 64 * 1024 * 1024));
}

/** For tests: a directory that nothing else uses. */
export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "gantry-net-"));
}
