import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
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

/** For tests: a certificate of an authority made for it. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** For tests: an authority, and certificates that it signs. */
export function testAuthority(): {
  readonly ca: string;
  issue(name: string, options?: { days?: number }): TestCertificate;
} {
  const folder = temporaryFolder();
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test authority",
    "-days",
    "2",
  );
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  return {
    ca: read("ca.crt"),
    issue(name, { days = 1 } = {}) {
      const alternative = /^[\d.]+$|:/.test(name) ? `IP:${name}` : `DNS:${name}`;
      writeFileSync(join(folder, "ext"), `subjectAltName=${alternative}\nextendedKeyUsage=serverAuth,clientAuth\n`);
      openssl("req", ...newKey, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", `/CN=${name}`);
      const signed = [
        "x509",
        "-req",
        "-in",
        "leaf.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-extfile",
        "ext",
      ];
      openssl(...signed, "-out", "leaf.crt", "-days", String(days));
      return { ca: read("ca.crt"), cert: read("leaf.crt"), key: read("leaf.key") };
    },
  };
}
