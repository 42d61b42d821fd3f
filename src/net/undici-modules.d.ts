// The parts of undici that gantry uses, by the paths of the pinned version: loading the whole package costs 45 ms more
// (fetch, WebSockets, caches, mocks), which every command that talks to a registry would pay. docs/decisions/003-undici-parts.md.
declare module "undici/lib/dispatcher/agent.js" {
  export { Agent as default } from "undici";
}
declare module "undici/lib/core/connect.js" {
  export { buildConnector as default } from "undici";
}
declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici";
  /** `Dispatcher.request`, which the package's index would put on the class. */
  export default function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
}
