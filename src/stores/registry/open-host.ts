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
  trace,
  type Transport,
  undiciTransport,
} from "../../net/index.js";
import { RegistryHost } from "./host.js";
import { Attempts, isTransient } from "./patience.js";
import type { UploadJournal } from "./upload-journal.js";

/** Everything that a host can be told; only its name is needed. */
export interface HostOptions extends HostConfig {
  /** Without it the host is asked anonymously. */
  readonly credentials?: CredentialSource | undefined;
  /** Sent as it is, instead of anything else (`--registry-token`). */
  readonly registryToken?: string | undefined;
  /** Hosts of token services that are trusted although they are elsewhere. */
  readonly realms?: readonly string[] | undefined;
  /** Told before anything is sent again, be it a request or a step of a transfer that broke or stalled. */
  readonly onRetry?: ((event: HostRetry) => void) | undefined;
  /** Where uploads under way are noted, so that a push that was killed goes on where it stopped. */
  readonly journal?: UploadJournal | undefined;
  /** One line for each request, without secrets (`--debug`). */
  readonly log?: ((line: string) => void) | undefined;
}

/** Something is about to be sent to a host again. */
export interface HostRetry {
  /** What happened, in words and without secrets. */
  readonly reason: string;
  /** The pause before it, in milliseconds. */
  readonly delay: number;
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
  const tell = (reason: string, delay: number): void => options.onRetry?.({ reason, delay });
  const again = retry({ ...options.retry, onRetry: ({ reason, delay }) => tell(inWords(reason), delay) });
  let wired: Promise<Wired> | undefined;
  const ready = (): Promise<Wired> => {
    wired ??= findOrigin(options, tell)
      .then(wire)
      .catch((error: unknown) => {
        wired = undefined;
        throw error;
      });
    return wired;
  };

  function wire(registry: URL): Wired {
    const within: Middleware[] = [
      budget({ concurrency: options.concurrency }),
      countRequests(counter),
      ...(options.log === undefined ? [] : [trace(options.log)]),
    ];
    const around: Middleware[] = [redirects(registry), ...within];
    const foreign = compose(undici, again, ...around);
    // A token service mostly stands at another host (Docker Hub's, GitLab's), and the credentials are for it:
    // `authorise` has judged the realm, so secrets leave where the realm redirects, not where the registry ends.
    const tokens: Transport = (request) => compose(undici, again, redirects(request.url), ...within)(request);
    const proof = authorise({
      host: options.name,
      registry,
      credentials: options.credentials ?? ANONYMOUS,
      registryToken: options.registryToken,
      realms: options.realms,
      tokens,
    });
    return { registry, foreign, transport: compose(undici, again, proof, ...around) };
  }

  return new RegistryHost({
    name: options.name,
    transport: async (request) => (await ready()).transport(request),
    foreign: async (request) => (await ready()).foreign(request),
    origin: async () => (await ready()).registry,
    retry: options.retry,
    onAgain: tell,
    journal: options.journal,
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
async function findOrigin(options: HostOptions, onAgain: (reason: string, delay: number) => void): Promise<URL> {
  const attempts = new Attempts({ ...PROBES, onAgain, ...(options.retry?.attempts === 1 ? { attempts: 1 } : {}) });
  for (;;) {
    try {
      return await probeScheme(options);
    } catch (error) {
      if (!isTransient(error)) throw error;
      await attempts.again(error);
    }
  }
}

/** The middleware names an answer by its status. */
const inWords = (reason: string): string => (/^\d{3}$/.test(reason) ? `it answered ${reason}` : reason);
