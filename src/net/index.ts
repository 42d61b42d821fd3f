/**
 * The network: one narrow waist (a transport sends one request) and middleware around it, each with one concern; and
 * credentials, from wherever they are kept. Knows HTTP, knows nothing of images.
 *
 * The order in which a registry's client composes them, outermost first:
 *
 * ```ts
 * const wire = [budget(limits), countRequests(counter), trace(log)];
 * const tokens = compose(undici, retry(policy), redirects(), ...wire);
 * const proof = authorise({ host, registry, credentials, tokens });
 * const transport = compose(undici, retry(policy), proof, redirects(registry), ...wire);
 * ```
 *
 * Retries stand outside, for a request that is sent again needs a token that is alive; redirects inside `authorise`,
 * for what leaves the origin leaves its secrets behind; limits, counts and the log see each request as it is sent.
 */
export { authorise, type AuthoriseOptions } from "./authorise.js";
export { budget, type BudgetOptions } from "./budget.js";
export { type Challenge, parseChallenges } from "./challenge.js";
export { connectionError } from "./connection-error.js";
export { countRequests, type RequestCounter } from "./count.js";
export { authKey } from "./credentials/auth-key.js";
export { type CertDirs, loadCertDirs } from "./credentials/certs-d.js";
export { authFiles, defaultCredentials, type DefaultCredentialsOptions, loginFile } from "./credentials/default.js";
export { type AuthFileOptions, dockerConfigCredentials } from "./credentials/docker-config.js";
export { type HelperOptions } from "./credentials/helper.js";
export { eraseCredential, saveCredential, type SaveOptions } from "./credentials/save.js";
export { staticCredentials } from "./credentials/static.js";
export { type Credential, type CredentialSource, firstOf, type Found } from "./credentials.js";
export {
  type ClientCertificate,
  DEFAULT_TIMEOUTS,
  type HostConfig,
  hostName,
  hostOrigin,
  type ProxySettings,
  type RetryPolicy,
  type Timeouts,
} from "./host.js";
export { type Link, nextPage, parseLinks } from "./link-header.js";
export { checkTarget, type Reach, reach, realmAllowed, sameOrigin } from "./origin.js";
export { proxyFor } from "./proxy.js";
export { escapeControls, redactHeader, redactUrl } from "./redact.js";
export { redirects } from "./redirects.js";
export { parseRefusal, requestIdOf } from "./refusal.js";
export { retry, type RetryEvent, type RetryOptions } from "./retry.js";
export { parseRetryAfter } from "./retry-after.js";
export { mayBePlain, probeScheme } from "./scheme.js";
export { trace } from "./trace.js";
export {
  compose,
  type HeaderMap,
  type HttpRequest,
  type HttpResponse,
  type Middleware,
  type Transport,
} from "./transport.js";
export { undiciTransport } from "./undici-transport.js";
