import { expect, test } from "vitest";
import { bytesBody } from "../streams/index.js";
import {
  authorise,
  budget,
  compose,
  countRequests,
  redirects,
  retry,
  staticCredentials,
  trace,
  type Transport,
  undiciTransport,
} from "./index.js";
import { startOrigin, type TestOrigin, textOf } from "./test-origin.js";

/** The order that the room's door recommends, with pauses left out. */
function client(
  origin: TestOrigin,
  counter: { requests: number },
  lines: string[],
): { send: Transport } & AsyncDisposable {
  const undici = undiciTransport({ name: origin.host });
  const registry = origin.url;
  const sleep = (): Promise<void> => Promise.resolve();
  const wire = [
    redirects(registry),
    budget({ concurrency: 8 }),
    countRequests(counter),
    trace((line) => lines.push(line)),
  ];
  const credentials = staticCredentials({
    credential: { kind: "basic", username: "ci", password: "S3CRET" },
    origin: "--creds",
  });
  const tokens = compose(undici, retry({ sleep }), redirects(), ...wire);
  const proof = authorise({ host: origin.host, registry, credentials, tokens });
  const send = compose(undici, retry({ sleep }), proof, redirects(registry), ...wire);
  return { send, [Symbol.asyncDispose]: () => undici[Symbol.asyncDispose]() };
}

/** faults.md P34, P35, P20, D15 and P37 at once: the weather of a bad day, the same every time. */
test("through failing requests, resets, dying tokens and redirects every request ends right, and nothing leaks", async () => {
  let state = 42;
  const chance = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  let token = 0;
  let uses = 0;
  await using storage = await startOrigin((_, response) => response.end("content"), { address: "127.0.0.2" });
  await using origin = await startOrigin((request, response, self) => {
    const luck = chance();
    if (luck < 0.05) return void request.socket.resetAndDestroy();
    request.resume();
    return void request.on("end", () => {
      if (luck < 0.25) return void response.writeHead(503).end();
      if (request.url!.startsWith("/token")) {
        uses = 0;
        token += 1;
        return void response.end(`{"token":"t${token}"}`);
      }
      if (request.headers.authorization !== `Bearer t${token}` || uses > 20) {
        return void response.writeHead(401, { "www-authenticate": `Bearer realm="${self.url.href}token"` }).end();
      }
      uses += 1;
      if (request.method === "GET")
        return void response.writeHead(307, { location: `${storage.url.href}x?sig=S3CRET` }).end();
      return void response.writeHead(201).end();
    });
  });
  const counter = { requests: 0 };
  const lines: string[] = [];
  await using c = client(origin, counter, lines);
  for (let round = 0; round < 100; round += 1) {
    const url = new URL(`/v2/a/blobs/${round}`, origin.url);
    expect(await textOf(await c.send({ method: "GET", url, repeat: "safe" }))).toBe("content");
    const stored = await c.send({ method: "PUT", url, body: bytesBody(new Uint8Array(1000)), repeat: "safe" });
    expect(stored.status).toBe(201);
    await stored.discard();
  }
  expect(storage.seen).toHaveLength(100);
  for (const { headers } of storage.seen) expect(headers.authorization).toBeUndefined();
  expect(lines).toHaveLength(counter.requests);
  expect(lines.join("\n")).not.toMatch(/S3CRET|Bearer t\d|Basic \w/);
});
