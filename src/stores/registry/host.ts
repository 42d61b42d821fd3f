import type { CallOptions } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import type { HttpResponse, Transport } from "../../net/index.js";
import { isRepository, MANIFEST_ACCEPT } from "../../spec/index.js";
import { type Access, type Connection, RepositoryApi } from "./connection.js";
import { DocumentCache } from "./document-cache.js";
import { listNames } from "./pages.js";
import { type Quota, readQuota } from "./quota.js";
import { oneLine, registryError } from "./registry-error.js";
import { RegistryStore } from "./registry-store.js";
import { type RegistryTraits, TraitBook } from "./traits.js";
import type { UploadJournal } from "./upload-journal.js";

/** What a host is made of. {@link openHost} composes it; whoever has a transport of another kind makes it here. */
export interface HostParts {
  /** The host as people write it. */
  readonly name: string;
  /** Everything that the host's requests pass, credentials included. */
  readonly transport: Transport;
  /** The way to content elsewhere: without credentials. */
  readonly foreign: Transport;
  /** Where the API lives. Called again after it failed, and no more once it has answered. */
  readonly origin: () => Promise<URL>;
  /** Attempts in a row that may bring nothing new, and the first pause between them in milliseconds. */
  readonly retry?: { readonly attempts?: number | undefined; readonly delay?: number | undefined } | undefined;
  /** Told before a step of an upload or a download is made again: why, and after which pause in milliseconds. */
  readonly onAgain?: ((reason: string, delay: number) => void) | undefined;
  /** Where uploads under way are noted, so that a push that was killed goes on where it stopped. */
  readonly journal?: UploadJournal | undefined;
  /** How many requests have left for the host. */
  readonly sent?: () => number;
  readonly close?: () => Promise<void>;
}

/** What a registry says of itself. */
export interface Ping {
  /** False when it wants to know who is asking. */
  readonly anonymous: boolean;
  readonly status: number;
  readonly version?: string;
}

/** As many barren attempts in a row end an upload or a download as the middleware makes: where one request in four
 * fails, eight in a row fail once in 60 000 times, five once in a thousand. */
const PATIENCE = { attempts: 8, delay: 250 } as const;
const CATALOG_PAGE = 1000;

/**
 * One registry: connections, tokens, the request budget, what was learned of it, and the documents that were just read.
 * All of its repositories share them, so a program has one of these for each host.
 */
export class RegistryHost implements AsyncDisposable {
  readonly name: string;
  readonly #connection: Connection;
  readonly #parts: HostParts;
  #asked = 0;
  #quota: Quota | undefined;

  constructor(parts: HostParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.#connection = {
      host: parts.name,
      transport: async (request) => {
        this.#asked += 1;
        const response = await parts.transport(request);
        // What a redirect led to speaks for itself, not for the registry.
        if (response.url.host === request.url.host) this.#quota = readQuota(response.headers) ?? this.#quota;
        return response;
      },
      foreign: parts.foreign,
      book: new TraitBook(parts.name),
      documents: new DocumentCache(),
      widened: new Set(),
      journal: parts.journal,
      lines: new Map(),
      patience: {
        attempts: Math.max(1, parts.retry?.attempts ?? PATIENCE.attempts),
        delay: parts.retry?.delay ?? PATIENCE.delay,
        onAgain: parts.onAgain,
      },
      origin: parts.origin,
    };
  }

  /** How many requests this host got: tokens, redirects and repetitions included, where the transport counts them. */
  get requests(): number {
    return this.#parts.sent?.() ?? this.#asked;
  }

  /** What the host last said of how much more may be pulled; undefined while it said nothing. */
  get quota(): Quota | undefined {
    return this.#quota;
  }

  /**
   * Asks how much more may be pulled, by one HEAD of a manifest, which no registry counts as a pull; whether the
   * manifest is there does not matter. Undefined where the registry does not say.
   *
   * @throws GantryError UNAUTHORIZED, and what keeps the host from being asked
   */
  async askQuota(repository: string, { signal }: CallOptions = {}): Promise<Quota | undefined> {
    const api = new RepositoryApi(this.#connection, checked(repository, this.name), "read");
    const response = await api.send({
      method: "HEAD",
      to: "manifests/latest",
      headers: { accept: MANIFEST_ACCEPT.join(", ") },
      signal,
    });
    await response.discard();
    return readQuota(response.headers);
  }

  /** What is known of this host by now. */
  get traits(): RegistryTraits {
    return this.#connection.book.traits;
  }

  /**
   * One repository as a store. Nothing is asked here. Opened for writing, its first token already allows both.
   *
   * @throws GantryError REFERENCE_INVALID
   */
  repository(name: string, { access = "read" }: { readonly access?: Access } = {}): RegistryStore {
    return new RegistryStore(new RepositoryApi(this.#connection, checked(name, this.name), access));
  }

  /**
   * The names of all repositories, where the registry tells them (distribution's `_catalog`, no part of the OCI
   * specification).
   *
   * @throws GantryError UNSUPPORTED, UNAUTHORIZED, DENIED, REGISTRY_PROTOCOL
   */
  async *catalog({ signal }: CallOptions = {}): AsyncGenerator<string, void, undefined> {
    const where = `list repositories of ${this.name}`;
    try {
      yield* listNames({
        key: "repositories",
        asked: { where, subject: "catalog" },
        patience: this.#connection.patience,
        signal,
        ask: (page) =>
          this.#get(
            page instanceof URL ? page : `/v2/_catalog${page === "first" ? `?n=${CATALOG_PAGE}` : ""}`,
            ["registry:catalog:*"],
            signal,
          ),
      });
    } catch (error) {
      const status = GantryError.is(error) ? error.registry?.status : undefined;
      if (status !== 404 && status !== 405) throw error;
      throw new GantryError("UNSUPPORTED", "the registry does not list its repositories", { where, cause: error });
    }
  }

  /**
   * Asks whether a registry is there. Nothing else in gantry does: every request says by itself what it needs.
   *
   * @throws GantryError REGISTRY_PROTOCOL when what answers is no registry
   */
  async ping({ signal }: CallOptions = {}): Promise<Ping> {
    const response = await this.#get("/v2/", [], signal);
    const version = response.headers["docker-distribution-api-version"];
    const { status } = response;
    if (status !== 200 && status !== 401 && status !== 403) {
      throw await registryError(response, { where: `ping ${this.name}`, subject: "registry" });
    }
    await response.discard();
    return { anonymous: status === 200, status, ...(version === undefined ? {} : { version: oneLine(version, 80) }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.close?.();
  }

  async #get(to: string | URL, scopes: readonly string[], signal: AbortSignal | undefined): Promise<HttpResponse> {
    return this.#connection.transport({
      method: "GET",
      url: to instanceof URL ? to : new URL(to, await this.#connection.origin()),
      repeat: "safe",
      scopes,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** Every other character is escaped or refused here, once: a name becomes a part of URLs and scopes. */
function checked(name: string, host: string): string {
  if (isRepository(name)) return name;
  throw new GantryError("REFERENCE_INVALID", `${JSON.stringify(name.slice(0, 300))} is not a repository name`, {
    where: host,
  });
}
