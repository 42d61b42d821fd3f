import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { GantryError } from "../errors.js";
import { MAX_DOCUMENT_BYTES } from "../spec/index.js";
import { Access, type AuthOptions } from "./access.js";
import { answer, type Desk } from "./answer.js";
import { BlobFiles } from "./blob-files.js";
import { DurableFiles } from "./durable-files.js";
import { Exchange } from "./exchange.js";
import { Refusal } from "./refusal.js";
import type { Registry } from "./registry.js";
import { RepositoryFiles } from "./repository-files.js";
import { asRefusal, refuse, send } from "./send.js";
import { TokenIssuer } from "./token-issuer.js";
import { UploadSessions } from "./upload-sessions.js";

/** How a registry is served. */
export interface ServeOptions {
  /** The folder that keeps everything; it is made when it is not there. One server at a time. */
  readonly root: string;
  /** Default: 127.0.0.1, any free port. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** Without it everybody may do everything. */
  readonly auth?: AuthOptions;
  /** PEM texts. With `clientCa`, only clients with a certificate of that authority come through. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Whether tags, manifests and blobs can be deleted. Default true. */
  readonly delete?: boolean;
  /** Patterns (`*`, `?`) of tags that can be made and then neither moved nor deleted: `["v*", "*.*.*"]`. */
  readonly immutableTags?: readonly string[];
  /** The largest manifest that is accepted. Default 4 MiB. */
  readonly maxManifestBytes?: number;
  /** How long an upload that nobody touches is kept. Default an hour. */
  readonly uploadExpiryMs?: number;
  /** False leaves out the syncs to disk: what is acknowledged then survives a kill -9, but not a power cut. Default true. */
  readonly durable?: boolean;
  /** A connection on which nothing moves for so long is cut. Default two minutes. */
  readonly idleTimeoutMs?: number;
  /** The address that clients use, where it is not the one that is listened on: for the token endpoint's URL. */
  readonly publicUrl?: string;
  /** Told of each request when it has been answered. Headers and bodies are never part of it. */
  readonly log?: (event: ServeEvent) => void;
  /** Closes the registry. */
  readonly signal?: AbortSignal | undefined;
}

/** One request, answered. */
export interface ServeEvent {
  readonly method: string;
  readonly path: string;
  /** Without `?`; empty for the token endpoint. */
  readonly query: string;
  readonly status: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly milliseconds: number;
  /** Why a request failed inside the registry (status 500), or was cut off by the client. */
  readonly error?: string;
}

/** A registry that answers. */
export interface RunningRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:5000`, no slash at the end. */
  readonly url: string;
  /** `127.0.0.1:5000`: what an image name starts with. */
  readonly host: string;
  /** Requests that came so far. */
  readonly requests: number;
  /** Stops listening, lets the requests under way end (five seconds at most), ends the uploads. */
  close(): Promise<void>;
}

const HOUR = 60 * 60 * 1000;
const CLOSE_GRACE_MS = 5_000;

/**
 * Serves an OCI registry (distribution-spec 1.1 and what its next version adds) from a folder. What it has acknowledged
 * is there after a kill -9.
 *
 * @throws GantryError IO when the address or the folder cannot be had
 */
export async function serve(options: ServeOptions): Promise<RunningRegistry> {
  options.signal?.throwIfAborted();
  const registry = await openRegistry(options);
  let url = "";
  const token = options.auth?.token;
  const issuer = token === undefined ? undefined : new TokenIssuer(token, () => `${options.publicUrl ?? url}/token`);
  const desk: Desk = { registry, access: new Access(options.auth, issuer), issuer };
  let requests = 0;
  const server = await createHttpServer(options, (request, response) => {
    requests += 1;
    void handleRequest(desk, request, response, options.log);
  });
  const { host = "127.0.0.1", port = 0 } = options.listen ?? {};
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  const authority = `${host.includes(":") ? `[${host}]` : host}:${address.port}`;
  url = `${options.tls === undefined ? "http" : "https"}://${authority}`;

  const expiry = options.uploadExpiryMs ?? HOUR;
  const timer = setInterval(() => void registry.uploads.expire().catch(() => undefined), Math.min(expiry, 60_000));
  timer.unref();

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= shut(server).then(async () => {
      clearInterval(timer);
      options.signal?.removeEventListener("abort", onAbort);
      await registry.uploads.endAll();
    });
    return closing;
  };
  const onAbort = (): void => void close();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  return {
    url,
    host: authority,
    get requests() {
      return requests;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function openRegistry(options: ServeOptions): Promise<Registry> {
  const root = resolve(options.root);
  const scratch = join(root, "scratch");
  const files = new DurableFiles(scratch, options.durable ?? true);
  try {
    // What an earlier server left half done was never acknowledged.
    await rm(scratch, { recursive: true, force: true });
    await files.ensureFolder(scratch);
  } catch (cause) {
    throw new GantryError("IO", "the registry's folder cannot be used", { where: root, cause });
  }
  return {
    blobs: new BlobFiles(root, files),
    repositories: new RepositoryFiles(root, files),
    uploads: new UploadSessions(scratch, files, options.uploadExpiryMs ?? HOUR),
    allowDelete: options.delete ?? true,
    immutableTags: options.immutableTags ?? [],
    maxManifestBytes: options.maxManifestBytes ?? MAX_DOCUMENT_BYTES,
  };
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

async function createHttpServer(options: ServeOptions, onRequest: Listener): Promise<Server> {
  const http: ServerOptions = {
    // Node's strict parser, always: a lenient one is how requests are smuggled (CVE-2022-1705).
    insecureHTTPParser: false,
    maxHeaderSize: 32 * 1024,
    headersTimeout: 30_000,
    // A large blob on a slow line takes hours; what bounds a request is that something has to move.
    requestTimeout: 0,
    keepAliveTimeout: 30_000,
    highWaterMark: 1024 * 1024,
  };
  const server = options.tls === undefined ? createServer(http) : await createTlsServer(http, options.tls);
  server.setTimeout(options.idleTimeoutMs ?? 120_000);
  server.on("request", onRequest);
  // The routes say when a body is wanted; one that is refused is then never sent.
  server.on("checkContinue", onRequest);
  return server;
}

async function createTlsServer(http: ServerOptions, tls: NonNullable<ServeOptions["tls"]>): Promise<Server> {
  const https = await import("node:https");
  const clients = tls.clientCa === undefined ? {} : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true };
  return https.createServer({ ...http, ...clients, cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((done, failed) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const what = cause.code === "EADDRINUSE" ? "the address is in use" : "the address cannot be listened on";
      failed(new GantryError("IO", what, { where: `${host}:${port}`, cause }));
    });
    server.listen({ host, port, backlog: 1024 }, done);
  });
}

async function handleRequest(
  desk: Desk,
  request: IncomingMessage,
  response: ServerResponse,
  log: ServeOptions["log"],
): Promise<void> {
  const start = performance.now();
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? "" : target.slice(mark + 1);
  const exchange = new Exchange(request, response, new URLSearchParams(query));
  let bytesSent = 0;
  let failure: unknown;
  try {
    const answered = await answer(desk, exchange, path).catch((error: unknown) => {
      if (!(error instanceof Refusal)) failure = error;
      return refuse(asRefusal(error));
    });
    bytesSent = await send(exchange, response, answered);
  } catch (error) {
    // The client went away, or the disk failed under an answer that had begun: all that can be done is to cut it off.
    failure ??= error;
    response.destroy();
  }
  log?.({
    method: exchange.method,
    path,
    query: path === "/token" ? "" : query,
    status: response.statusCode,
    bytesReceived: exchange.bytesReceived,
    bytesSent,
    milliseconds: performance.now() - start,
    ...(failure === undefined ? {} : { error: failure instanceof Error ? failure.message : "unknown" }),
  });
}

async function shut(server: Server): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeIdleConnections();
  // A connection is idle again once its last answer has gone out; the client would keep it for later.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
