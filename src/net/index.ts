/**
 * The network: one narrow waist (a transport sends one request) and middleware around it, each with one concern; and
 * credentials, from wherever they are kept. Knows HTTP, knows nothing of images.
 */
export { type Credential, type CredentialSource, firstOf, type Found } from "./credentials.js";
export {
  compose,
  type HeaderMap,
  type HttpRequest,
  type HttpResponse,
  type Middleware,
  type Transport,
} from "./transport.js";
