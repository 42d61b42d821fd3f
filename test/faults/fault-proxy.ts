import { createHmac, randomBytes } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { Exchange, type Record } from "./exchange.js";
import { Gate, type GateOptions } from "./gate.js";
import { type Rule, RuleBook, seeded } from "./rules.js";

/** What a proxy does to the requests that pass it. */
export interface FaultProxyOptions {
  /** The real registry, plain HTTP: `http://127.0.0.1:5000`. */
  readonly upstream: string;
  /** Given the proxy, because a fault may lead to the other origin. */
  readonly rules?: (proxy: FaultProxy) => readonly Rule[];
  readonly gate?: GateOptions | undefined;
  readonly seed?: number;
  /** Connections are refused for so long. */
  readonly refuseForMs?: number;
}

/**
 * A registry that fails as it is told to: a proxy before a real one, and a second origin on another address, which
 * plays the object store that registries redirect to. What comes there with an Authorization is a leak.
 */
export class FaultProxy implements AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  url = "";
  /** `http://127.0.0.2:PORT`. */
  elsewhere = "";
  readonly log: Record[] = [];
  readonly #servers: http.Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #agent = new http.Agent({ keepAlive: false });
  readonly #secret = randomBytes(16);
  readonly #upstream: URL;
  readonly #gate: Gate | undefined;
  readonly #random: () => number;
  #book: RuleBook;
  #opening: NodeJS.Timeout | undefined;

  private constructor(options: FaultProxyOptions) {
    this.#upstream = new URL(options.upstream);
    this.#gate = options.gate === undefined ? undefined : new Gate(options.gate);
    this.#random = seeded(options.seed ?? 1);
    this.#book = new RuleBook([], this.#random);
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.elsewhere = `http://127.0.0.2:${await listen(proxy.#server("elsewhere"), "127.0.0.2", 0)}`;
    const registry = proxy.#server("registry");
    const port = await listen(registry, "127.0.0.1", 0);
    proxy.url = `http://127.0.0.1:${port}`;
    if (options.refuseForMs !== undefined) {
      await new Promise((resolve) => registry.close(resolve));
      proxy.#opening = setTimeout(() => void listen(registry, "127.0.0.1", port), options.refuseForMs);
    }
    proxy.#book = new RuleBook(options.rules?.(proxy) ?? [], proxy.#random);
    return proxy;
  }

  /** `127.0.0.1:PORT`: what image names start with. */
  get host(): string {
    return new URL(this.url).host;
  }

  /** Requests that should not have brought an Authorization. */
  get leaks(): number {
    return this.log.filter(({ at, authorization }) => at === "elsewhere" && authorization !== undefined).length;
  }

  /** Body bytes of uploads, and of answers. */
  get bytes(): { readonly up: number; readonly down: number } {
    return this.log.reduce((sum, { up, down }) => ({ up: sum.up + up, down: sum.down + down }), { up: 0, down: 0 });
  }

  /** An address at the other origin for something of the registry, good for a while. */
  signed(path: string, lifeMs = 60_000): string {
    const until = Date.now() + lifeMs;
    return `${this.elsewhere}${path}${path.includes("?") ? "&" : "?"}until=${until}&signature=${this.#sign(path, until)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#opening);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
    this.#agent.destroy();
  }

  #server(at: "registry" | "elsewhere"): http.Server {
    const server = http.createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 30_000 });
    server.on("request", (request, response) => {
      this.#serve(at, request, response).catch(() => request.socket.destroy());
    });
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    server.on("clientError", (_error, socket) => socket.destroy());
    this.#servers.push(server);
    return server;
  }

  async #serve(at: "registry" | "elsewhere", request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on("error", () => {});
    response.on("error", () => {});
    const { method = "", url: path = "", headers } = request;
    const record: Record = {
      at,
      method,
      path,
      authorization: headers.authorization?.split(" ")[0],
      range: headers.range,
      status: 0,
      up: 0,
      down: 0,
    };
    this.log.push(record);
    const exchange = new Exchange(request, response, record, {
      upstream: this.#upstream,
      agent: this.#agent,
      dropAuthorization: this.#gate !== undefined,
      random: this.#random,
    });
    const hasBody = Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined;
    const act = this.#book.find({ at, method, path, hasBody });
    const gate = at === "registry" ? this.#gate : undefined;
    if (gate !== undefined) {
      if (gate.isTokenRequest(path)) return act === undefined ? gate.giveToken(exchange) : act(exchange);
      if (path.startsWith("/v2") && !gate.lets(headers.authorization)) return gate.refuse(exchange, this.url);
    }
    if (act !== undefined) return act(exchange);
    if (at === "elsewhere") return this.#store(exchange);
    if (gate?.options.checked === "end") {
      return exchange.pass({
        beforeEnd: () => {
          if (gate.lets(headers.authorization)) return false;
          void gate.refuse(exchange, this.url);
          return true;
        },
      });
    }
    return exchange.pass();
  }

  /** The object store: takes what is signed and not too old, and nobody's word for anything else. */
  async #store(exchange: Exchange): Promise<void> {
    const match = /^(.*)[?&]until=(\d+)&signature=([0-9a-f]+)(.*)$/.exec(exchange.path);
    const [, path = "", until = "0", signature = "", rest = ""] = match ?? [];
    if (signature === "" || signature !== this.#sign(path, Number(until)) || Number(until) < Date.now()) {
      return exchange.reply(403, { "content-type": "application/xml" }, "<Error><Code>AccessDenied</Code></Error>");
    }
    return exchange.pass({ path: `${path}${path.includes("?") ? rest : rest.replace(/^&/, "?")}` });
  }

  #sign(path: string, until: number): string {
    return createHmac("sha256", this.#secret).update(`${path}|${until}`).digest("hex").slice(0, 32);
  }
}

function listen(server: http.Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
