import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { type Body, bytesBody } from "../streams/index.js";
import { authorise, type AuthoriseOptions } from "./authorise.js";
import type { Credential, CredentialSource } from "./credentials.js";
import { redirects } from "./redirects.js";
import { startOrigin, type TestOrigin, textOf } from "./test-origin.js";
import { compose, type HttpRequest, type Transport } from "./transport.js";
import { undiciTransport } from "./undici-transport.js";

const basic = (username = "ci", password = "s3cret"): Credential => ({ kind: "basic", username, password });
const header = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
const CI = header("ci", "s3cret");

/** Gives its credentials one after another, the last one for ever, and remembers why it was asked. */
function source(...given: (Credential | undefined)[]): CredentialSource & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find({ host, repository }, why) {
      asked.push(`${why} ${host} ${repository ?? "-"}`);
      const credential =
        given.length > 1 && why === "first" ? given[0] : given[Math.min(asked.length - 1, given.length - 1)];
      return Promise.resolve(credential === undefined ? undefined : { credential, origin: "a test" });
    },
  };
}

interface Client extends AsyncDisposable {
  send: Transport;
}

/** Middleware in the order of the room's door, without retries. */
function client(origin: TestOrigin, credentials: CredentialSource, more: Partial<AuthoriseOptions> = {}): Client {
  const wire = undiciTransport({ name: origin.host });
  const tokens = compose(wire, redirects());
  const options = { host: origin.host, registry: origin.url, credentials, tokens, ...more };
  return {
    send: compose(wire, authorise(options), redirects(origin.url)),
    [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose](),
  };
}

const pull = (origin: TestOrigin, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url: new URL("/v2/demo/app/manifests/1", origin.url),
  scopes: ["repository:demo/app:pull"],
  repeat: "safe",
  ...more,
});

/** A registry and its token service in one; a token is `t1`, `t2`, … and carries nothing. */
interface Rules {
  /** What the token service accepts. */
  accept?: (request: IncomingMessage) => boolean;
  /** Whether the registry accepts this token. */
  good?: (token: string) => boolean;
  challenge?: (origin: TestOrigin) => string;
  token?: (request: IncomingMessage, response: ServerResponse, nth: number) => void;
}

function tokenRegistry(rules: Rules = {}): Promise<TestOrigin & { issued(): number }> {
  let issued = 0;
  const started = startOrigin((request, response, origin) => {
    request.resume();
    if (request.url!.startsWith("/token")) {
      if (!(rules.accept?.(request) ?? true))
        return void response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}');
      issued += 1;
      if (rules.token !== undefined) return rules.token(request, response, issued);
      return void response.end(JSON.stringify({ token: `t${issued}` }));
    }
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token !== undefined && (rules.good?.(token) ?? true))
      return void request.on("end", () => response.end("content"));
    const challenge =
      rules.challenge?.(origin) ??
      `Bearer realm="${origin.url.href}token",service="reg,istry",scope="repository:demo/app:pull"`;
    return void request.on("end", () => response.writeHead(401, { "www-authenticate": challenge }).end());
  });
  return started.then((origin) => Object.assign(origin, { issued: () => issued }));
}

describe("bearer tokens", () => {
  test("are fetched at the first challenge, with Basic, and used at once from then on", async () => {
    await using origin = await tokenRegistry({ accept: (request) => request.headers.authorization === CI });
    await using c = client(origin, source(basic()));
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(origin.seen.map(({ method, url }) => `${method} ${url.split("?")[0]}`)).toEqual([
      "GET /v2/demo/app/manifests/1",
      "GET /token",
      "GET /v2/demo/app/manifests/1",
      "GET /v2/demo/app/manifests/1",
    ]);
    const asked = new URL(origin.seen[1]!.url, origin.url).searchParams;
    expect(Object.fromEntries(asked)).toEqual({
      service: "reg,istry",
      scope: "repository:demo/app:pull",
      client_id: "gantry",
      account: "ci",
    });
  });

  test("are fetched with Basic from a service at another host that is allowed, as Docker Hub's is", async () => {
    await using service = await startOrigin((_, response) => response.end('{"token":"t1"}'), { address: "127.0.0.2" });
    await using origin = await tokenRegistry({ challenge: () => `Bearer realm="${service.url.href}token"` });
    await using c = client(origin, source(basic()), { realms: ["127.0.0.2"] });
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(service.seen.map(({ headers }) => headers.authorization)).toEqual([CI]);
  });

  test("are fetched without credentials where there are none", async () => {
    await using origin = await tokenRegistry();
    await using c = client(origin, source(undefined));
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(origin.seen[1]!.headers.authorization).toBeUndefined();
  });

  test("a hundred requests fetch one", async () => {
    await using origin = await tokenRegistry();
    await using c = client(origin, source(basic()));
    await Promise.all(Array.from({ length: 100 }, async () => textOf(await c.send(pull(origin)))));
    expect(origin.issued()).toBe(1);
  });

  test("a broader token is used for less, and each scope that is missing is asked for", async () => {
    await using origin = await tokenRegistry();
    await using c = client(origin, source(basic()));
    for (const scope of ["repository:demo/app:pull,push", "repository:demo/app:pull", "repository:demo/lib:pull"]) {
      await textOf(await c.send(pull(origin, { scopes: [scope] })));
    }
    expect(origin.issued()).toBe(2);
  });

  test("are renewed ten seconds before they end", async () => {
    let now = 0;
    await using origin = await tokenRegistry({
      token: (_, response, nth) => void response.end(`{"access_token":"t${nth}","expires_in":300}`),
    });
    await using c = client(origin, source(basic()), { now: () => now });
    for (now of [0, 289_000, 291_000]) await textOf(await c.send(pull(origin)));
    expect(origin.issued()).toBe(2);
  });

  test("one that dies early costs one 401, and the request is sent again with its whole body", async () => {
    let good = "t1";
    await using origin = await tokenRegistry({ good: (token) => token === good });
    const credentials = source(basic());
    await using c = client(origin, credentials);
    await textOf(await c.send(pull(origin)));
    good = "t2";
    let opened = 0;
    const body: Body = {
      size: 3,
      open: () => {
        opened += 1;
        return bytesBody(new Uint8Array(3)).open();
      },
    };
    expect(await textOf(await c.send(pull(origin, { method: "PATCH", body, repeat: "never" })))).toBe("content");
    expect([opened, origin.issued()]).toEqual([2, 2]);
    expect(credentials.asked.at(-1)).toBe(`expired ${origin.host} demo/app`);
  });

  test("a fresh one that is refused is an error that says who asked, not a loop", async () => {
    await using origin = await tokenRegistry({ good: () => false });
    await using c = client(origin, source(basic()));
    await expect(c.send(pull(origin))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      where: `${origin.host}, repository:demo/app:pull`,
      hint: expect.stringMatching(/Logged in as "ci" from a test.*gantry login/),
    });
    expect(origin.seen).toHaveLength(3);
    await using nobody = client(origin, source(undefined));
    await expect(nobody.send(pull(origin))).rejects.toMatchObject({
      hint: expect.stringContaining("No credentials were found"),
    });
  });

  test("a credential that the token service refuses is asked for again, once", async () => {
    await using origin = await tokenRegistry({
      accept: (request) => request.headers.authorization === header("ci", "minted"),
    });
    const credentials = source(basic("ci", "old"), basic("ci", "minted"));
    await using c = client(origin, credentials);
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(credentials.asked.slice(0, 2)).toEqual([
      `first ${origin.host} demo/app`,
      `rejected ${origin.host} demo/app`,
    ]);
    await using wrong = client(origin, source(basic("ci", "wrong")));
    await expect(wrong.send(pull(origin))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      message: "not authorised: wrong password",
    });
  });

  test.each([405, 404])("an identity token is exchanged by POST, and by GET where POST is %i", async (status) => {
    for (const refuse of [false, true]) {
      await using origin = await tokenRegistry({
        token: (request, response, nth) => {
          if (refuse && request.method === "POST") return void response.writeHead(status).end();
          return void response.end(`{"access_token":"t${nth}"}`);
        },
      });
      await using c = client(origin, source({ kind: "refresh", token: "identity" }));
      expect(await textOf(await c.send(pull(origin)))).toBe("content");
      const asked = origin.seen.filter(({ url }) => url.startsWith("/token"));
      expect(asked.map(({ method }) => method)).toEqual(refuse ? ["POST", "GET"] : ["POST"]);
      expect(asked[1]?.headers.authorization).toBe(refuse ? header("<token>", "identity") : undefined);
    }
  });

  test.each([
    ["no JSON", "<html>"],
    ["no token", "{}"],
    ["a header in it", '{"token":"a\\r\\nX-Evil: 1"}'],
    ["an array", "[]"],
    ["two megabytes", JSON.stringify({ token: "x".repeat(2 ** 21) })],
  ])("an answer with %s is no token", async (_, text) => {
    await using origin = await tokenRegistry({ token: (_request, response) => void response.end(text) });
    await using c = client(origin, source(basic()));
    await expect(c.send(pull(origin))).rejects.toMatchObject({
      code: expect.stringMatching(/REGISTRY_PROTOCOL|TOO_LARGE/),
    });
  });

  test("--registry-token is sent as it is, and nobody is asked", async () => {
    await using origin = await tokenRegistry({ good: (token) => token === "given" });
    const credentials = source(basic());
    await using c = client(origin, credentials, { registryToken: "given" });
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    await using wrong = client(origin, credentials, { registryToken: "other" });
    await expect(wrong.send(pull(origin))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(credentials.asked).toEqual([]);
  });

  test("one who gives up does not take the token from the others", async () => {
    const waiting: ServerResponse[] = [];
    await using origin = await tokenRegistry({ token: (_, response) => void waiting.push(response) });
    await using c = client(origin, source(basic()));
    const impatient = new AbortController();
    const first = c.send(pull(origin, { signal: impatient.signal }));
    const second = c.send(pull(origin)).then(textOf);
    const firstFails = expect(first).rejects.toThrow("enough");
    while (waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    impatient.abort(new Error("enough"));
    await firstFails;
    waiting[0]!.end('{"token":"t1"}');
    expect(await second).toBe("content");
  });
});

describe("Basic", () => {
  const basicRegistry = (accept: () => string): Promise<TestOrigin> =>
    startOrigin((request, response) => {
      if (request.headers.authorization === accept()) return void response.end("content");
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="a, b"' }).end();
    });

  test("is sent at the first challenge, and at once from then on", async () => {
    await using origin = await basicRegistry(() => CI);
    await using c = client(origin, source(basic()));
    await textOf(await c.send(pull(origin)));
    await textOf(await c.send(pull(origin)));
    expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, CI, CI]);
  });

  test("one that has expired is asked for again", async () => {
    let now = CI;
    await using origin = await basicRegistry(() => now);
    const credentials = source(basic(), basic("ci", "new"));
    await using c = client(origin, credentials);
    await textOf(await c.send(pull(origin)));
    now = header("ci", "new");
    expect(await textOf(await c.send(pull(origin)))).toBe("content");
    expect(credentials.asked.at(-1)).toBe(`expired ${origin.host} demo/app`);
  });

  test("one that is wrong is sent once", async () => {
    await using origin = await basicRegistry(() => "other");
    const credentials = source(basic());
    await using c = client(origin, credentials);
    await expect(c.send(pull(origin))).rejects.toMatchObject({ code: "UNAUTHORIZED" });
    expect(origin.seen).toHaveLength(2);
    expect(credentials.asked.at(-1)).toMatch(/^rejected/);
  });
});

/** Rows 1-8, 17, 18, 21, 23 of threats.md, P28, P37, P38, D15 of faults.md: what a second origin gets to see. */
describe("another origin never sees Authorization", () => {
  type Answer = (request: IncomingMessage, response: ServerResponse, there: TestOrigin, origin: TestOrigin) => void;
  const redirect =
    (status: number, path = "/there"): Answer =>
    (request, response, there) => {
      request.resume().on("end", () => response.writeHead(status, { location: new URL(path, there.url).href }).end());
    };
  const rows: [name: string, registry: Answer, more: Partial<HttpRequest>, outcome: string | number][] = [
    ["a GET is redirected by 307", redirect(307), {}, 200],
    ["a GET is redirected by 302", redirect(302), {}, 200],
    [
      "an upload is redirected by 307",
      redirect(307),
      { method: "PATCH", body: bytesBody(new Uint8Array(9)), repeat: "never" },
      200,
    ],
    ["an upload is redirected by 308", redirect(308), { method: "PUT", body: bytesBody(new Uint8Array(9)) }, 200],
    ["a redirect leads to a server that challenges", redirect(307, "/challenge"), {}, "UNAUTHORIZED"],
    ["the chain leads there and back", redirect(307, "/back"), {}, "UNAUTHORIZED"],
    [
      "the realm is there",
      (_, response, there) =>
        void response.writeHead(401, { "www-authenticate": `Bearer realm="${there.url.href}token",service="x"` }).end(),
      {},
      "ORIGIN_REFUSED",
    ],
  ];

  test.each([
    ["at another address", "127.0.0.2"],
    ["at another port", "127.0.0.1"],
  ])("%s", async (_, address) => {
    for (const [name, answer, more, outcome] of rows) {
      // At another port of the same host a token service is the registry's own.
      if (name === "the realm is there" && address === "127.0.0.1") continue;
      let registry: TestOrigin | undefined;
      await using there = await startOrigin(
        (request, response) => {
          request.resume().on("end", () => {
            if (request.url === "/challenge")
              response.writeHead(401, { "www-authenticate": 'Basic realm="give"' }).end();
            else if (request.url === "/back")
              response.writeHead(307, { location: new URL("/again", registry!.url).href }).end();
            else response.end("stored");
          });
        },
        { address },
      );
      await using origin = await startOrigin((request, response, self) => {
        if (request.url === "/again" && request.headers.authorization !== undefined)
          return void response.end("restored");
        if (request.headers.authorization === CI) return answer(request, response, there, self);
        if (name === "the realm is there") return answer(request, response, there, self);
        return void request
          .resume()
          .on("end", () => response.writeHead(401, { "www-authenticate": "Basic realm=r" }).end());
      });
      registry = origin;
      await using c = client(origin, source(basic()));
      const result = c.send(pull(origin, more)).then(
        async (response) => (await textOf(response), response.status),
        (error: { code: string }) => error.code,
      );
      // Back at the registry without its credentials, the challenge is answered by going through the front door again.
      if (name === "the chain leads there and back") await result;
      else expect(await result, name).toBe(outcome);
      for (const { headers } of there.seen) {
        expect(headers.authorization, name).toBeUndefined();
        expect(JSON.stringify(headers), name).not.toContain("s3cret");
      }
      if (name === "the realm is there") expect(there.seen).toEqual([]);
      const again = origin.seen.filter(({ url }) => url === "/again");
      for (const { headers } of again) expect(headers.authorization, name).toBeUndefined();
    }
  });

  test("an upload's Location, a page's Link or a foreign layer's URL there is asked without, also when it challenges", async () => {
    await using there = await startOrigin(
      (request, response) => {
        if (request.url === "/challenge")
          return void response.writeHead(401, { "www-authenticate": 'Basic realm="give"' }).end();
        return void request.resume().on("end", () => response.end("ok"));
      },
      { address: "127.0.0.2" },
    );
    await using origin = await tokenRegistry();
    await using c = client(origin, source(basic()));
    await textOf(await c.send(pull(origin)));
    expect(await textOf(await c.send(pull(origin, { url: new URL("/upload", there.url), method: "PUT" })))).toBe("ok");
    await expect(c.send(pull(origin, { url: new URL("/challenge", there.url) }))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
    });
    expect(there.seen).toHaveLength(2);
    for (const { headers } of there.seen) expect(headers.authorization).toBeUndefined();
  });

  test("a token service that redirects an identity token elsewhere gets an error, and elsewhere nothing", async () => {
    await using there = await startOrigin((_, response) => response.end('{"token":"x"}'), { address: "127.0.0.2" });
    await using origin = await tokenRegistry({
      token: (_, response) => void response.writeHead(307, { location: there.url.href }).end(),
    });
    await using c = client(origin, source({ kind: "refresh", token: "identity" }));
    await expect(c.send(pull(origin))).rejects.toMatchObject({ code: "ORIGIN_REFUSED" });
    expect(there.seen).toEqual([]);
  });

  test.each([
    "file:///etc/passwd",
    "//127.0.0.2/token",
    "http://user:pass@127.0.0.1/token",
    "ftp://127.0.0.1/",
    "",
    "token",
  ])("realm %j is refused before a byte is sent", async (realm) => {
    await using origin = await tokenRegistry({ challenge: () => `Bearer realm="${realm}"` });
    await using c = client(origin, source(basic()));
    await expect(c.send(pull(origin))).rejects.toMatchObject({
      code: expect.stringMatching(/ORIGIN_REFUSED|REGISTRY_PROTOCOL/),
    });
    expect(origin.seen).toHaveLength(1);
  });
});
