import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificates } from "./certificates.js";
import { gantryCommand } from "./gantry.js";
import { locate } from "./peers.mjs";
import { removeFolder, type Running, start, temporaryFolder } from "./processes.js";
import type { TokenServer } from "./token-server.js";

/** A real registry on 127.0.0.1, in a folder of its own that goes away with it. */
export interface TestRegistry {
  readonly name: RegistryKind;
  /** `127.0.0.1:PORT`, as it stands in an image name. */
  readonly host: string;
  readonly url: string;
  readonly root: string;
  /** What it has logged. */
  output(): string;
  stop(): Promise<void>;
}

/** gantry's own, Debian's (distribution 2.8), distribution 3, and zot. */
export type RegistryKind = "gantry" | "docker-registry" | "registry" | "zot";

export interface RegistryOptions {
  /** `basic`: user and password of `basicUser`. */
  readonly auth?: "basic" | TokenServer;
  readonly tls?: Certificates;
  /** Ask callers for a certificate of the same authority (Debian's registry and distribution 3). */
  readonly clientCertificates?: boolean;
}

/** The one user of registries with Basic auth. The hash is bcrypt's, made once, so that no htpasswd program is needed. */
export const basicUser = {
  name: "gantry",
  password: "interop-secret",
  line: "gantry:$2b$05$abcdefghijklmnopqrstuu0vp63sBPZixGfYK6fS9VJewW81a.LW2",
} as const;

/** Starts a registry of a kind, with deletes allowed. @throws Error where its program is missing or does not start. */
export async function startRegistry(kind: RegistryKind, options: RegistryOptions = {}): Promise<TestRegistry> {
  const root = temporaryFolder();
  mkdirSync(join(root, "data"));
  writeFileSync(join(root, "htpasswd"), `${basicUser.line}\n`);
  const running = await launchers[kind](root, options, kind);
  const host = `127.0.0.1:${running.ready[1]}`;
  return {
    name: kind,
    host,
    url: `${options.tls ? "https" : "http"}://${host}`,
    root: join(root, "data"),
    output: () => running.output(),
    async stop() {
      await running.stop();
      removeFolder(root);
    },
  };
}

const launchers: Record<RegistryKind, (root: string, o: RegistryOptions, kind: RegistryKind) => Promise<Running>> = {
  "docker-registry": startDistribution,
  registry: startDistribution,
  zot: startZot,
  gantry: startGantry,
};

function startDistribution(
  root: string,
  { auth, tls, clientCertificates }: RegistryOptions,
  kind: RegistryKind,
): Promise<Running> {
  const authorities = clientCertificates === true && tls !== undefined ? { clientcas: [tls.authority] } : {};
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(root, "data") }, delete: { enabled: true } },
    http: {
      addr: "127.0.0.1:0",
      ...(tls ? { tls: { certificate: tls.certificate, key: tls.key, ...authorities } } : {}),
    },
    ...(auth === "basic" ? { auth: { htpasswd: { realm: "interop", path: join(root, "htpasswd") } } } : {}),
    ...(typeof auth === "object"
      ? {
          auth: {
            token: {
              realm: auth.realm,
              service: auth.service,
              issuer: auth.issuer,
              rootcertbundle: auth.certificates.authority,
            },
          },
        }
      : {}),
  };
  const file = join(root, "config.yml");
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config));
  return start(path(kind), ["serve", file], {
    ready: /listening on 127\.0\.0\.1:(\d+)/,
    // Spans to a collector that nobody runs: distribution 3 would log an error a minute.
    env: { OTEL_TRACES_EXPORTER: "none" },
  });
}

function startZot(root: string, { auth, tls }: RegistryOptions): Promise<Running> {
  if (typeof auth === "object") throw new Error("zot is not started with a token service here");
  const config = {
    distSpecVersion: "1.1.1",
    storage: { rootDirectory: join(root, "data"), dedupe: false, gc: false },
    http: {
      address: "127.0.0.1",
      port: "0",
      compat: ["docker2s2"],
      ...(auth === "basic" ? { auth: { htpasswd: { path: join(root, "htpasswd") } } } : {}),
      ...(tls ? { tls: { cert: tls.certificate, key: tls.key } } : {}),
    },
    log: { level: "info" },
  };
  const file = join(root, "config.json");
  writeFileSync(file, JSON.stringify(config));
  return start(path("zot"), ["serve", file], { ready: /"port":\s*"?(\d+)"?.*kernel chosen port/ });
}

function startGantry(root: string, { auth, tls }: RegistryOptions): Promise<Running> {
  if (auth !== undefined || tls !== undefined) throw new Error("the embedded registry's own tests cover auth and TLS");
  const { command, args } = gantryCommand();
  return start(command, [...args, "serve", "--listen", "127.0.0.1:0", "--root", join(root, "data")], {
    ready: /http:\/\/127\.0\.0\.1:(\d+)/,
  });
}

function path(name: string): string {
  const found = locate(name);
  if (found.path === undefined) throw new Error(`${name}: ${found.missing}`);
  return found.path;
}
