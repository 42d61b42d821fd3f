import { homedir } from "node:os";
import { join } from "node:path";
import { GantryError } from "../errors.js";
import { type CredentialSource, defaultCredentials, firstOf, staticCredentials } from "../net/index.js";
import {
  type HostOptions,
  type HostRetry,
  openHost,
  type RegistryHost,
  UploadJournal,
} from "../stores/registry/index.js";
import type { EventListener } from "../transfer/index.js";
import { type GantryOptions, type Places, type SideOptions, sideOf } from "./options.js";

/** The registries of one `Gantry`, each opened once for each side that has settings of its own. */
export class Hosts implements AsyncDisposable {
  readonly #options: GantryOptions;
  readonly #places: Places;
  readonly #open = new Map<string, RegistryHost>();
  readonly #listeners = new Map<symbol, EventListener>();
  readonly #others: Hosts[] = [];

  constructor(options: GantryOptions, places: Places) {
    this.#options = options;
    this.#places = places;
  }

  /** HTTP requests sent to all of them. */
  get requests(): number {
    return [...this.#open.values(), ...this.#others].reduce((sum, host) => sum + host.requests, 0);
  }

  /**
   * While `work` runs, the listener hears when something is sent to a host again. Hosts are shared, so of two works at
   * the same time both hear it.
   */
  async listen<T>(listener: EventListener | undefined, work: () => Promise<T>): Promise<T> {
    if (listener === undefined) return work();
    const key = Symbol();
    this.#listeners.set(key, listener);
    try {
      return await work();
    } finally {
      this.#listeners.delete(key);
    }
  }

  /** Hosts whose sources are reached in another way; they are counted and closed with these. */
  withSource(source: SideOptions): Hosts {
    const { source: usual, ...options } = this.#options;
    const others = new Hosts({ ...options, source: { ...usual, ...source } }, this.#places);
    this.#others.push(others);
    return others;
  }

  async host(name: string, side: "source" | "destination"): Promise<RegistryHost> {
    const settings = sideOf(this.#options, side);
    // Where both sides are alike they share connections, tokens and the budget of the host.
    const alike = sameSettings(settings, sideOf(this.#options, side === "source" ? "destination" : "source"));
    const key = `${alike ? "both" : side} ${name}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const onRetry = (retry: HostRetry): void => this.#retried(name, retry);
    const opened = openHost({ ...hostOptions(name, settings, this.#options, this.#places), onRetry });
    this.#open.set(key, opened);
    return opened;
  }

  /** Each listener once, however many works it listens to; who listens to nothing is told by the options. */
  #retried(destination: string, { reason, delay }: HostRetry): void {
    const listeners = new Set<NonNullable<GantryOptions["onRetry"]>>(this.#listeners.values());
    if (listeners.size === 0 && this.#options.onRetry !== undefined) listeners.add(this.#options.onRetry);
    for (const listener of listeners) listener({ type: "retry", destination, reason, delay: Math.round(delay) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open.values(), ...this.#others.splice(0)];
    this.#open.clear();
    await Promise.all(open.map((host) => host[Symbol.asyncDispose]()));
  }
}

/** Everything that is known of a host, from options and environment. */
export function hostOptions(name: string, side: SideOptions, options: GantryOptions, places: Places): HostOptions {
  const env = options.env ?? {};
  const { retry, retryDelay, timeouts, concurrency, log } = options;
  return {
    name,
    tls: side.tlsVerify === undefined ? undefined : side.tlsVerify ? "verify" : "skip",
    credentials: credentialsOf(side, env, places.home),
    registryToken: side.registryToken,
    certDirs: side.certDir === undefined ? certDirs(env, places.home) : [side.certDir],
    proxy: {
      http: env["http_proxy"] ?? (env["REQUEST_METHOD"] === undefined ? env["HTTP_PROXY"] : undefined),
      https: env["https_proxy"] ?? env["HTTPS_PROXY"],
      noProxy: env["no_proxy"] ?? env["NO_PROXY"],
    },
    retry: { attempts: retry === undefined ? undefined : retry + 1, delay: retryDelay },
    timeouts,
    journal: new UploadJournal(join(places.cache, "uploads")),
    concurrency: concurrency === undefined ? undefined : Math.max(concurrency, MIN_REQUESTS),
    userAgent: "gantry/0.1",
    log,
  };
}

/** Questions are small: a low limit on transfers must not make them wait for one another. */
const MIN_REQUESTS = 4;

function credentialsOf(
  side: SideOptions,
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): CredentialSource {
  if (side.creds !== undefined) {
    const colon = side.creds.indexOf(":");
    if (colon <= 0)
      throw new GantryError("USAGE", "credentials are written as USER:PASSWORD", { hint: "Check --creds." });
    const credential = {
      kind: "basic",
      username: side.creds.slice(0, colon),
      password: side.creds.slice(colon + 1),
    } as const;
    return staticCredentials({ credential, origin: "--creds" });
  }
  const usual = defaultCredentials({
    env,
    home,
    uid: process.getuid?.(),
    ...(side.authFile === undefined ? {} : { authFile: side.authFile }),
  });
  return side.credentials === undefined ? usual : firstOf(side.credentials, usual);
}

/** containers-certs.d(5), then Docker's folder. */
function certDirs(env: Readonly<Record<string, string | undefined>>, home: string): string[] {
  const config = env["XDG_CONFIG_HOME"] || join(home || homedir(), ".config");
  return [join(config, "containers/certs.d"), "/etc/containers/certs.d", "/etc/docker/certs.d"];
}

function sameSettings(a: SideOptions, b: SideOptions): boolean {
  const keys = ["authFile", "creds", "registryToken", "credentials", "certDir", "tlsVerify"] as const;
  return keys.every((key) => a[key] === b[key]);
}
