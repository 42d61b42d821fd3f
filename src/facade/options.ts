import { homedir } from "node:os";
import { join } from "node:path";
import type { CredentialSource, Timeouts } from "../net/index.js";
import type { TransferEvent } from "../transfer/index.js";

/** How one side of a transfer reaches its registries. */
export interface SideOptions {
  /** A file with credentials, instead of the usual places. */
  readonly authFile?: string;
  /** `USER:PASSWORD` for every registry of this side. */
  readonly creds?: string;
  /** A bearer token for every registry of this side, sent as it is. */
  readonly registryToken?: string;
  /** A source of credentials, asked before all others. */
  readonly credentials?: CredentialSource;
  /** A folder with `*.crt`, `*.cert` and `*.key`. */
  readonly certDir?: string;
  /** False: certificates are not checked and plain HTTP is allowed. Undefined: checked, and plain HTTP only on loopback. */
  readonly tlsVerify?: boolean;
}

/** Options of `new Gantry()`. What one side does not say, the common part says. */
export interface GantryOptions extends SideOptions {
  readonly source?: SideOptions;
  readonly destination?: SideOptions;
  /** Blobs on their way at once, and requests to one host. */
  readonly concurrency?: number;
  /** How often a request is tried again. */
  readonly retry?: number;
  /** Milliseconds between tries, instead of longer each time. */
  readonly retryDelay?: number;
  /** How long a host may take before a request or a transfer counts as broken. What is left out is as it usually is. */
  readonly timeouts?: Partial<Timeouts>;
  /**
   * The environment that settings are taken from: DOCKER_CONFIG, REGISTRY_AUTH_FILE, HTTPS_PROXY, XDG_DATA_HOME,
   * SOURCE_DATE_EPOCH and the like. A library reads no environment by itself: hand it `process.env` to use it.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What relative paths start from. */
  readonly cwd?: string;
  /** Gantry's own store. Default: `$XDG_DATA_HOME/gantry`. */
  readonly dataDir?: string;
  /** What may be deleted at any time. Default: `$XDG_CACHE_HOME/gantry`. */
  readonly cacheDir?: string;
  /** Told of retries while no operation runs that has an `onEvent` of its own, which would be told instead. */
  readonly onRetry?: (event: Extract<TransferEvent, { readonly type: "retry" }>) => void;
  /** Gets a line for each request, secrets masked. */
  readonly log?: (line: string) => void;
}

/** The places that gantry keeps things in. */
export interface Places {
  readonly home: string;
  readonly data: string;
  readonly cache: string;
  readonly cwd: string;
}

/** Where things are, by options, then environment, then custom. */
export function placesOf(options: GantryOptions): Places {
  const env = options.env ?? {};
  const home = env["HOME"] || homedir();
  return {
    home,
    data:
      options.dataDir ??
      env["GANTRY_DATA_DIR"] ??
      join(absolute(env["XDG_DATA_HOME"]) ?? join(home, ".local/share"), "gantry"),
    cache: options.cacheDir ?? join(absolute(env["XDG_CACHE_HOME"]) ?? join(home, ".cache"), "gantry"),
    cwd: options.cwd ?? process.cwd(),
  };
}

/** The XDG base directory specification: a relative path is to be ignored. */
const absolute = (path: string | undefined): string | undefined => (path?.startsWith("/") === true ? path : undefined);

/** The options of one side, with what it leaves open taken from the common part. */
export function sideOf(options: GantryOptions, side: "source" | "destination"): SideOptions {
  const { authFile, creds, registryToken, credentials, certDir, tlsVerify } = options;
  const own = options[side] ?? {};
  const ownAuth =
    own.creds !== undefined ||
    own.registryToken !== undefined ||
    own.authFile !== undefined ||
    own.credentials !== undefined;
  return {
    ...(ownAuth
      ? {}
      : {
          ...(authFile === undefined ? {} : { authFile }),
          ...(creds === undefined ? {} : { creds }),
          ...(registryToken === undefined ? {} : { registryToken }),
          ...(credentials === undefined ? {} : { credentials }),
        }),
    ...(certDir === undefined ? {} : { certDir }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
    ...own,
  };
}
