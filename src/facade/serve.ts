import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { GantryError } from "../errors.js";
import { type AuthOptions, type ServeEvent, serve } from "../server/index.js";
import type { Places } from "./options.js";

/** How the embedded registry is run. */
export interface ServeRequest {
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** 0: any free one. Default: 5000. */
  readonly port?: number;
  /** Where content is kept. Default: `registry` in gantry's data folder. */
  readonly root?: string;
  /** `USER:PASSWORD`, each. Without any, everybody may do everything. */
  readonly users?: readonly string[];
  /** A file of `USER:PASSWORD` lines; passwords plain or as `htpasswd -B` hashes them. */
  readonly htpasswd?: string;
  /** Everybody may read, the users may write. */
  readonly anonymousPull?: boolean;
  /** Paths of PEM files. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Whether content can be deleted. Default: true. */
  readonly delete?: boolean;
  /** Gets a line for each request. */
  readonly log?: (line: string) => void;
}

/** A registry that answers. */
export interface Served extends AsyncDisposable {
  /** `http://127.0.0.1:5000`. */
  readonly url: string;
  /** `127.0.0.1:5000`: what image names start with. */
  readonly host: string;
  readonly root: string;
  close(): Promise<void>;
}

/**
 * Runs the embedded registry.
 *
 * @throws GantryError USAGE, FILE_NOT_FOUND, IO
 */
export async function serveRegistry(request: ServeRequest, { data, cwd }: Places): Promise<Served> {
  const root = request.root === undefined ? join(data, "registry") : resolve(cwd, request.root);
  const auth = await readUsers(request, cwd);
  const { log } = request;
  const running = await serve({
    root,
    listen: { host: request.host ?? "127.0.0.1", port: request.port ?? 5000 },
    delete: request.delete ?? true,
    ...(auth === undefined ? {} : { auth: { ...auth, anonymousPull: request.anonymousPull ?? false } }),
    ...(await readTls(request, cwd)),
    ...(log === undefined ? {} : { log: (event: ServeEvent) => log(lineOf(event)) }),
  });
  return {
    url: running.url,
    host: running.host,
    root,
    close: () => running.close(),
    [Symbol.asyncDispose]: () => running.close(),
  };
}

/**
 * Users of both kinds: passwords as they are, and the bcrypt hashes that `htpasswd -B` writes, which every registry reads.
 */
async function readUsers({ users = [], htpasswd }: ServeRequest, cwd: string): Promise<AuthOptions | undefined> {
  const lines = htpasswd === undefined ? [] : (await readFile(resolve(cwd, htpasswd), "utf8")).split("\n");
  const plain = new Map<string, string>();
  const hashed = new Map<string, string>();
  for (const line of [
    ...lines.map((text) => text.trim()).filter((text) => text !== "" && !text.startsWith("#")),
    ...users,
  ]) {
    const colon = line.indexOf(":");
    if (colon <= 0 || colon === line.length - 1) {
      throw new GantryError("USAGE", "a user is written as USER:PASSWORD", {
        hint: "Check --user and the file of --htpasswd.",
      });
    }
    const password = line.slice(colon + 1);
    if (/^\$(?:apr1|[156])\$|^\{SHA\}/.test(password)) {
      throw new GantryError("UNSUPPORTED", "only bcrypt hashes are read", {
        where: htpasswd,
        hint: "Make the file with htpasswd -B.",
      });
    }
    (/^\$2[aby]\$/.test(password) ? hashed : plain).set(line.slice(0, colon), password);
  }
  if (plain.size === 0 && hashed.size === 0) return undefined;
  return {
    users: plain,
    async verify(user, password) {
      const hash = hashed.get(user);
      const { compare } = await import("bcryptjs");
      // A user that does not exist takes as long as a wrong password: the time tells no names (CVE-2023-20902).
      const same = await compare(password, hash ?? NOBODY);
      return same && hash !== undefined;
    },
  };
}

/** The hash of a password that nobody has. */
const NOBODY = "$2b$10$abcdefghijklmnopqrstuuYjfyBzzwQVXB3jCEkVQkdVw0eBjnKqu";

async function readTls(
  { tlsCert, tlsKey }: ServeRequest,
  cwd: string,
): Promise<{ tls?: { cert: string; key: string } }> {
  if (tlsCert === undefined && tlsKey === undefined) return {};
  if (tlsCert === undefined || tlsKey === undefined)
    throw new GantryError("USAGE", "TLS needs a certificate and its key", { hint: "Give --tls-cert and --tls-key." });
  const [cert, key] = await Promise.all([
    readFile(resolve(cwd, tlsCert), "utf8"),
    readFile(resolve(cwd, tlsKey), "utf8"),
  ]);
  return { tls: { cert, key } };
}

const lineOf = ({ method, path, status, milliseconds, bytesReceived, bytesSent }: ServeEvent): string =>
  `${method} ${path} ${status} ${Math.round(milliseconds)}ms ${bytesReceived}B in ${bytesSent}B out`;
