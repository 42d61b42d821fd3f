import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it comes to the door. */
export interface Visit {
  readonly method: string;
  readonly path: string;
}

/** What the door does: lets through, hangs up, or answers by itself. */
export type Verdict = "pass" | "hang up" | { readonly status: number; readonly body?: object };

/** A door before a registry: it counts who comes and refuses whom the test wants refused. */
export interface FrontDoor extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** `METHOD /path`, without the query. */
  readonly log: string[];
  /** Decides on each request; may be replaced at any time. */
  judge: (visit: Visit) => Verdict;
  /** Headers, in lower case, that get through in neither direction. */
  readonly stripped: Set<string>;
}

/** Opens a door before the registry at `upstream` (`http://127.0.0.1:PORT`). */
export async function frontDoor(upstream: string): Promise<FrontDoor> {
  const door = { log: [] as string[], judge: (): Verdict => "pass", stripped: new Set<string>() };
  const server = createServer((incoming, outgoing) => {
    const path = (incoming.url ?? "").split("?")[0]!;
    door.log.push(`${incoming.method} ${path}`);
    const verdict = (door as unknown as FrontDoor).judge({ method: incoming.method!, path });
    if (verdict === "hang up") incoming.socket.destroy();
    else if (verdict === "pass") forward(upstream, incoming, outgoing, door.stripped);
    else {
      incoming.resume();
      outgoing.writeHead(verdict.status, {
        "content-type": "application/json",
        "docker-distribution-api-version": "registry/2.0",
      });
      outgoing.end(incoming.method === "HEAD" ? undefined : JSON.stringify(verdict.body ?? { errors: [] }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(door, {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

function forward(
  upstream: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  stripped: ReadonlySet<string>,
): void {
  const pass = (headers: IncomingMessage["headers"]) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !stripped.has(name)));
  const inner = request(
    new URL(incoming.url!, upstream),
    { method: incoming.method, headers: pass(incoming.headers) },
    (answer) => {
      outgoing.writeHead(answer.statusCode!, pass(answer.headers));
      answer.pipe(outgoing);
    },
  );
  inner.on("error", () => outgoing.destroy());
  incoming.on("error", () => inner.destroy());
  incoming.pipe(inner);
}
