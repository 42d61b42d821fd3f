import type { Agent, buildConnector, Dispatcher } from "undici";

/** What a direct connection needs of undici. */
export interface UndiciParts {
  readonly Agent: typeof Agent;
  readonly buildConnector: typeof buildConnector;
  request(dispatcher: Dispatcher, options: Dispatcher.RequestOptions): Promise<Dispatcher.ResponseData>;
}

let parts: Promise<UndiciParts> | undefined;

/**
 * The parts of undici, loaded when the first request is made: half as long as the whole package takes, and nothing for a
 * command that asks no registry (docs/decisions/003-undici-parts.md).
 */
export function undiciParts(): Promise<UndiciParts> {
  parts ??= Promise.all([
    import("undici/lib/dispatcher/agent.js"),
    import("undici/lib/core/connect.js"),
    import("undici/lib/api/api-request.js"),
  ]).then(([agent, connect, api]) => ({
    Agent: agent.default,
    buildConnector: connect.default,
    request: (dispatcher, options) => api.default.call(dispatcher, options),
  }));
  return parts;
}
