/**
 * The embedded registry: distribution-spec 1.1 over a folder. It is what `gantry serve` runs, and what the tests of
 * everything that talks to a registry talk to.
 */
export type { Action, AuthOptions, TokenOptions } from "./access.js";
export { type RunningRegistry, serve, type ServeEvent, type ServeOptions } from "./serve.js";
export { sweep, type Swept, type SweepOptions } from "./sweep.js";
