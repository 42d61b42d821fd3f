import {
  authorise,
  budget,
  compose,
  countRequests,
  type CredentialSource,
  type HostConfig,
  type Middleware,
  probeScheme,
  redirects,
  type RequestCounter,
  retry,
  type RetryEvent,
  trace,
  type Transport,
  undiciTransport,
} from "../../net/index.js";
import { RegistryHost } from "./host.js";
import { Attempts, isTransient } from "./patience.js";

/** Everything that a host can be told; only its name is needed. */
export interface HostOptions extends HostConfig {
  /** Without it the host is asked anonymously. */
  readonly credentials?: CredentialSource | undefined;
  /** Sent as it is, instead of anything else (`--registry-token`). */
  readonly registryToken?: string | undefined;
  /** Hosts of token services that are trusted although they are elsewhere. */
  readonly realms?: readonly string[] | undefined;
  /** Called before what is safe to repeat is sent again. */
  readonly onRetry?: ((event: RetryEvent) => void) | undefined;
  /** One line for each request, without secrets (`--debug`). */
  readonly log?: ((line: string) => void) | undefined;
}

/** As often as a refused connection is tried by the retry middleware: a registry that is being started needs seconds. */
const PROBES = { attempts: 6, delay: 250 } as const;

/**
 * One registry, ready to be asked; nothing is sent yet. The whole behaviour of a host stands here, outermost first:
 * retries (what is sent again needs a living token), proof of who asks, redirects (what leaves the origin leaves its
 * secrets behind), the budget that all requests share, and counts and log of what is on the wire.
 */
export function openHost(options: HostOptions): RegistryHost {
  const counter: RequestCounter = { requests: 0 };
  const undici = undiciTransport(options);
  const again = retry({ ...options.retry, onRetry: options.onRetry });
  let wired: Promise<Wired> | undefined;
  const ready = (): Promise<Wired> => {
    wired ??= findOrigin(options)
      .then(wire)
      .catch((error: unknown) => {
        wired = undefined;
        throw error;
      });
    return wired;
  };

  function wire(registry: URL): Wired {
    const around: Middleware[] = [
      redirects(registry),
      budget({ concurrency: options.concurrency }),
      countRequests(counter),
      ...(options.log === undefined ? [] : [trace(options.log)]),
    ];
    const foreign = compose(undici, again, ...around);
    const proof = authorise({
      host: options.name,
      registry,
      credentials: options.credentials ?? ANONYMOUS,
      registryToken: options.registryToken,
      realms: options.realms,
      tokens: foreign,
    });
    return { registry, foreign, transport: compose(undici, again, proof, ...around) };
  }

  return new RegistryHost({
    name: options.name,
    transport: async (request) => (await ready()).transport(request),
    foreign: async (request) => (await ready()).foreign(request),
    origin: async () => (await ready()).registry,
    retry: options.retry,
    sent: () => counter.requests,
    close: async () => undici[Symbol.asyncDispose](),
  });
}

interface Wired {
  readonly registry: URL;
  readonly transport: Transport;
  readonly foreign: Transport;
}

const ANONYMOUS: CredentialSource = { find: async () => undefined };

/** The scheme is found before any request, so the middleware cannot repeat this for us. */
async function findOrigin(options: HostOptions): Promise<URL> {
  const attempts = new Attempts({ ...PROBES, ...(options.retry?.attempts === 1 ? { attempts: 1 } : {}) });
  for (;;) {
    try {
      return await probeScheme(options);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await attempts.again(error);
    }
  }
}
