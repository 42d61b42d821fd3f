import type { HttpRequest, HttpResponse, Transport } from "../../net/index.js";
import type { DocumentCache } from "./document-cache.js";
import type { TraitBook } from "./traits.js";
import type { UploadJournal } from "./upload-journal.js";

/** How the steps are repeated that only their caller may repeat: upload steps and the middle of a download. */
export interface Patience {
  /** How often in a row an attempt may bring nothing new. Progress starts the count again. */
  readonly attempts: number;
  /** The first delay in milliseconds; each further one doubles, up to 4 s. */
  readonly delay: number;
  /** Told before an attempt is made again: why, and after which pause in milliseconds. */
  readonly onAgain?: ((reason: string, delay: number) => void) | undefined;
}

/** What all repositories of one host share: connections, tokens, the request budget, what is known of the host. */
export interface Connection {
  /** The host as people write it: `docker.io`, `localhost:5000`. */
  readonly host: string;
  readonly transport: Transport;
  /** For content that lies elsewhere by its own word: knows no credentials. */
  readonly foreign: Transport;
  readonly book: TraitBook;
  readonly documents: DocumentCache;
  readonly patience: Patience;
  /** Who reads over several connections: one at a time, which bounds the memory for it. */
  readonly widened: Set<object>;
  /** Where uploads under way are noted; without it a killed push starts over. */
  readonly journal: UploadJournal | undefined;
  /** Work of which only one may run at a time, by what it changes. */
  readonly lines: Map<string, Promise<void>>;
  /** Where the API lives: `https://ghcr.io/`. Found out at the first request. */
  origin(): Promise<URL>;
}

/** What a repository is opened for: decides what its first token allows. */
export type Access = "read" | "write";

/** A request to the API of one repository. */
export interface ApiRequest {
  readonly method: HttpRequest["method"];
  /** Below `/v2/NAME/`, or a whole URL that the registry gave (an upload's Location, a Link). */
  readonly to: string | URL;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: HttpRequest["headers"];
  readonly body?: HttpRequest["body"];
  readonly repeat?: HttpRequest["repeat"];
  readonly signal?: AbortSignal | undefined;
  /** Scopes beyond those of this repository. */
  readonly alsoScopes?: readonly string[];
  readonly deletes?: boolean;
  readonly answerWithin?: number | undefined;
}

/** The API of one repository: addresses, scopes and traits, for everything that talks to it. */
export class RepositoryApi {
  readonly connection: Connection;
  readonly name: string;
  #access: Access;

  constructor(connection: Connection, name: string, access: Access) {
    this.connection = connection;
    this.name = name;
    this.#access = access;
  }

  /** `host/repository`. */
  get location(): string {
    return `${this.connection.host}/${this.name}`;
  }

  /** From now on tokens are asked for writing: one token serves a push from its first HEAD to its last PUT. */
  expectWrites(): void {
    this.#access = "write";
  }

  /** Sends one request; any status is an answer. */
  async send(request: ApiRequest): Promise<HttpResponse> {
    const { signal, body, headers } = request;
    const response = await this.connection.transport({
      method: request.method,
      url: await this.#url(request),
      repeat: request.repeat ?? "safe",
      scopes: [this.#scope(request.deletes === true), ...(request.alsoScopes ?? [])],
      headers: headers ?? {},
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
      ...(request.answerWithin === undefined ? {} : { answerWithin: request.answerWithin }),
    });
    this.connection.book.learnFrom(response.headers);
    return response;
  }

  async #url({ to, query }: ApiRequest): Promise<URL> {
    const url = to instanceof URL ? new URL(to) : new URL(`/v2/${this.name}/${to}`, await this.connection.origin());
    for (const [key, value] of Object.entries(query ?? {})) {
      // Not searchParams: that would write the registry's own query again, in another encoding than it was signed in.
      url.search = `${url.search === "" ? "?" : `${url.search}&`}${key}=${encodeURIComponent(value)}`;
    }
    return url;
  }

  #scope(deletes: boolean): string {
    const actions = deletes ? "pull,push,delete" : this.#access === "write" ? "pull,push" : "pull";
    return `repository:${this.name}:${actions}`;
  }
}
