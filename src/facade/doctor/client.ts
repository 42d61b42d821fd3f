import {
  authorise,
  budget,
  compose,
  countRequests,
  type CredentialSource,
  type HttpRequest,
  type HttpResponse,
  probeScheme,
  redirects,
  trace,
  type Transport,
  undiciTransport,
} from "../../net/index.js";
import { bytesBody } from "../../streams/index.js";
import type { HostOptions } from "../../stores/registry/index.js";

/** One request of a check. */
export interface Ask {
  readonly headers?: HttpRequest["headers"];
  readonly bytes?: Uint8Array;
  readonly scopes?: readonly string[];
  /** Without credentials, as a stranger. */
  readonly anonymous?: boolean;
}

/** A registry as it answers: no retries and nothing that works around it, for that is what a diagnosis is about. */
export class DoctorClient implements AsyncDisposable {
  readonly origin: URL;
  readonly #host: HostOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #undici: Transport & AsyncDisposable;
  readonly #proved: Transport;
  readonly #stranger: Transport;
  readonly #counter = { requests: 0 };
  /** Milliseconds that the first token took. */
  tokenTime: number | undefined;

  private constructor(host: HostOptions, origin: URL, signal: AbortSignal | undefined) {
    this.origin = origin;
    this.#host = host;
    this.#signal = signal;
    this.#undici = undiciTransport(host);
    const within = [
      budget({ concurrency: 4 }),
      countRequests(this.#counter),
      ...(host.log === undefined ? [] : [trace(host.log)]),
    ];
    const tokens: Transport = async (request) => {
      const began = performance.now();
      const answer = await compose(this.#undici, redirects(request.url), ...within)(request);
      this.tokenTime ??= performance.now() - began;
      return answer;
    };
    const proof = authorise({
      host: host.name,
      registry: origin,
      credentials: host.credentials ?? NOBODY,
      registryToken: host.registryToken,
      realms: host.realms,
      tokens,
    });
    this.#proved = compose(this.#undici, proof, redirects(origin), ...within);
    this.#stranger = compose(this.#undici, ...within);
  }

  /** @throws GantryError CONNECTION_FAILED, TIMEOUT */
  static async open(host: HostOptions, signal: AbortSignal | undefined): Promise<DoctorClient> {
    return new DoctorClient(host, await probeScheme(host, signal), signal);
  }

  get requests(): number {
    return this.#counter.requests;
  }

  get host(): HostOptions {
    return this.#host;
  }

  /** Sends one request; its answer has to be read or discarded. */
  send(method: HttpRequest["method"], to: string | URL, ask: Ask = {}): Promise<HttpResponse> {
    const transport = ask.anonymous === true ? this.#stranger : this.#proved;
    return transport({
      method,
      url: new URL(to, this.origin),
      repeat: "never",
      headers: ask.headers ?? {},
      scopes: ask.scopes ?? [],
      ...(ask.bytes === undefined ? {} : { body: bytesBody(ask.bytes) }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
  }

  /** The same where only status and headers count. */
  async ask(method: HttpRequest["method"], to: string | URL, ask: Ask = {}): Promise<HttpResponse> {
    const answer = await this.send(method, to, ask);
    await answer.discard();
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undici[Symbol.asyncDispose]();
  }
}

const NOBODY: CredentialSource = { find: async () => undefined };
