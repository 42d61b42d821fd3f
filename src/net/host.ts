/** A certificate and its key, as PEM. */
export interface ClientCertificate {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** Proxies, in the meaning of the environment variables of the same names; who reads the environment passes them in. */
export interface ProxySettings {
  /** For `http:` targets. */
  readonly http?: string | undefined;
  /** For `https:` targets. */
  readonly https?: string | undefined;
  /** Comma separated: names (with their subdomains), `.names`, addresses, CIDR blocks, each with an optional port, or `*`. */
  readonly noProxy?: string | undefined;
}

/** How often, and how soon, what is safe to repeat is repeated. */
export interface RetryPolicy {
  /** Sendings in all, the first one included. */
  readonly attempts?: number | undefined;
  /** A fixed pause in milliseconds instead of growing ones with jitter (`--retry-delay`). */
  readonly delay?: number | undefined;
}

/** How long to wait, in milliseconds. */
export interface Timeouts {
  /** For a connection, TLS included. */
  readonly connect: number;
  /** For status and headers, once the request is out. */
  readonly headers: number;
  /** For the next byte, in either direction. */
  readonly stall: number;
  /** The least that has to come in a while: under `bytes` in `ms` of waiting is a stall as well (faults.md D20). */
  readonly slow: { readonly bytes: number; readonly ms: number };
}

/** Everything known about a host, in one value. Only the name is needed. */
export interface HostConfig {
  /** As the user says it, with the port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly name: string;
  /**
   * `verify`: HTTPS only, certificates checked. `skip` (`--tls-verify=false`): certificates of this host are not
   * checked, and plain HTTP is spoken where the host speaks no TLS. Unspecified: `verify`, but a loopback host may
   * speak plain HTTP.
   */
  readonly tls?: "verify" | "skip" | undefined;
  /** Authorities trusted in addition to Node's (PEM), by everything that is asked on behalf of this host. */
  readonly ca?: readonly (string | Uint8Array)[] | undefined;
  /** Shown to this host, and to no other. */
  readonly clientCertificates?: readonly ClientCertificate[] | undefined;
  /** Directories in the manner of containers-certs.d(5), searched for this host's name. */
  readonly certDirs?: readonly string[] | undefined;
  readonly proxy?: ProxySettings | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** Requests in flight at once. */
  readonly concurrency?: number | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly userAgent?: string | undefined;
}

/** What holds where a host says nothing. */
export const DEFAULT_TIMEOUTS: Timeouts = {
  connect: 10_000,
  headers: 30_000,
  stall: 30_000,
  slow: { bytes: 60 * 1024, ms: 60_000 },
};

/** Where Docker Hub's registry lives; its name in references is another. */
const HUB = "registry-1.docker.io";
const HUB_NAMES = new Set(["docker.io", "index.docker.io"]);

/** The host and port that answer for a registry's name: `docker.io` is answered by `registry-1.docker.io`. */
export function hostOrigin(name: string): string {
  return HUB_NAMES.has(name.toLowerCase()) ? HUB : name;
}

/** The host without port and brackets, in lower case: `localhost`, `::1`. */
export function hostName(host: string): string {
  const bracket = /^\[([^\]]*)\]/.exec(host);
  if (bracket !== null) return bracket[1]!.toLowerCase();
  return host.replace(/:\d*$/, "").toLowerCase();
}
