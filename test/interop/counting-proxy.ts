import { createServer, type IncomingMessage, request as forward, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A registry's address that counts what passes through it. */
export interface CountingProxy {
  /** `127.0.0.1:PORT`, as it stands in an image name. */
  readonly host: string;
  /** Every request since the last `reset`, as `METHOD PATH STATUS`. */
  readonly requests: readonly string[];
  /** Bytes of request and answer bodies since the last `reset`. */
  readonly bytes: { readonly up: number; readonly down: number };
  reset(): void;
  stop(): Promise<void>;
}

/**
 * Starts a plain HTTP proxy before one registry. The Host header goes through unchanged, so that the upload Locations
 * and page links that the registry answers lead back to the proxy: nothing escapes the count.
 */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const [hostname, port] = target.split(":");
  let requests: string[] = [];
  let bytes = { up: 0, down: 0 };
  const server = createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method = "GET", url = "/", headers } = incoming;
    const place = requests.push(`${method} ${url}`) - 1;
    const list = requests;
    const onward = forward({ hostname, port, method, path: url, headers }, (answer) => {
      list[place] = `${method} ${url} ${answer.statusCode}`;
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on("data", (chunk: Buffer) => (bytes.down += chunk.length));
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.on("data", (chunk: Buffer) => (bytes.up += chunk.length));
    incoming.on("error", () => onward.destroy());
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) onward.destroy();
    });
    incoming.pipe(onward);
  });
  server.requestTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    get bytes() {
      return bytes;
    },
    reset() {
      requests = [];
      bytes = { up: 0, down: 0 };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
