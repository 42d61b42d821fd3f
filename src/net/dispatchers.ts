import type { Dispatcher, Pool as UndiciPool } from "undici";
import { patient } from "./connector.js";
import { type HostConfig, hostName, hostOrigin, type Timeouts } from "./host.js";
import { proxyFor } from "./proxy.js";
import { tlsOptions } from "./trust.js";
import { undiciParts } from "./undici-parts.js";

/** A pool of connections, and how many it has opened so far. */
export interface OpenPool {
  readonly dispatcher: Dispatcher;
  /** Undefined where it cannot be known: behind a proxy. */
  readonly opened: (() => number) | undefined;
}

/** The pools of one host's client: for the host itself and for others, direct and through each proxy. */
export class Dispatchers {
  readonly #host: HostConfig;
  readonly #timeouts: Timeouts;
  readonly #name: string;
  readonly #pools = new Map<string, Promise<OpenPool>>();
  #closed = false;

  constructor(host: HostConfig, timeouts: Timeouts) {
    this.#host = host;
    this.#timeouts = timeouts;
    this.#name = hostName(hostOrigin(host.name));
  }

  /** The pool that a URL is asked through. */
  for(url: URL): Promise<OpenPool> {
    const proxy = proxyFor(url, this.#host.proxy);
    const own = hostName(url.host) === this.#name;
    const key = `${own ? "own" : "other"} ${proxy?.href ?? ""}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      if (this.#closed) throw new Error("this client is closed");
      pool = this.#open(own, proxy);
      this.#pools.set(key, pool);
    }
    return pool;
  }

  /** Closes all connections at once. */
  async close(): Promise<void> {
    this.#closed = true;
    const pools = await Promise.allSettled(this.#pools.values());
    this.#pools.clear();
    await Promise.all(pools.flatMap((pool) => (pool.status === "fulfilled" ? [pool.value.dispatcher.destroy()] : [])));
  }

  async #open(own: boolean, proxy: URL | undefined): Promise<OpenPool> {
    const [{ Agent, buildConnector }, tls] = await Promise.all([undiciParts(), tlsOptions(this.#host, own)]);
    const connect = {
      ...tls,
      timeout: this.#timeouts.connect,
      // Happy eyeballs; Node's 250 ms for an address is too short for a link over a satellite.
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: 500,
    };
    const common = {
      // The exchange has its own watch, which knows who is waiting for whom.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 64 * 1024,
    };
    if (proxy !== undefined) {
      // The proxy agent needs methods that only the whole package puts on its classes.
      const { Pool, ProxyAgent } = await import("undici");
      const { username, password } = proxy;
      const address = new URL(proxy);
      address.username = "";
      address.password = "";
      const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
      const dispatcher = new ProxyAgent({
        ...common,
        uri: address.href,
        // The default sends plain HTTP through CONNECT too, which most proxies refuse for port 80.
        proxyTunnel: false,
        requestTls: connect,
        proxyTls: { timeout: this.#timeouts.connect },
        ...(username === "" ? {} : { token: `Basic ${secret}` }),
        factory: (origin, settings: UndiciPool.Options) =>
          new Pool(origin, {
            ...settings,
            ...(typeof settings.connect === "function" ? { connect: patient(settings.connect) } : {}),
          }),
      });
      return { dispatcher, opened: undefined };
    }
    let opened = 0;
    const counted = patient(buildConnector(connect), () => {
      opened += 1;
    });
    const dispatcher = new Agent({ ...common, connect: counted });
    return { dispatcher, opened: () => opened };
  }
}
