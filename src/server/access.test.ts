import { createHash, createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AuthOptions, type RunningRegistry, serve } from "./index.js";

const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const users = new Map([
  ["ada", "correct horse"],
  ["bob", "käse:🧀"],
]);
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`,
});
const ada = basic("ada", "correct horse");

let root: string;
let registry: RunningRegistry | undefined;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-access-"));
});

afterEach(async () => {
  await registry?.close();
  await rm(root, { recursive: true, force: true });
});

async function open(auth: AuthOptions): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  registry = await serve({ root, durable: false, auth });
  const { url } = registry;
  return (path, init) => fetch(url + path, init);
}

const uploads = (repository: string, query = ""): string => `/v2/${repository}/blobs/uploads/${query}`;

test("Basic: right credentials only, and nothing without", async () => {
  const ask = await open({ users });
  const without = await ask("/v2/");
  expect(without.status).toBe(401);
  expect(without.headers.get("www-authenticate")).toMatch(/^Basic realm="/);
  expect(await without.json()).toMatchObject({ errors: [{ code: "UNAUTHORIZED" }] });
  expect((await ask("/v2/", { headers: ada })).status).toBe(200);
  expect((await ask("/v2/", { headers: basic("bob", "käse:🧀") })).status).toBe(200);
  const wrong = [
    basic("ada", "wrong"),
    basic("ada", ""),
    basic("eve", ""),
    basic("", ""),
    { authorization: "Basic %%%" },
    { authorization: "Bearer x" },
  ];
  for (const headers of wrong) expect((await ask("/v2/", { headers })).status).toBe(401);
  for (const path of ["/v2/a/tags/list", "/v2/_catalog", `/v2/a/blobs/${sha256("")}`, `/v2/a/referrers/${sha256("")}`])
    expect((await ask(path)).status).toBe(401);
  expect((await ask(uploads("a"), { method: "POST" })).status).toBe(401);
});

test("anonymous pulls: reading is free, writing and the catalog are not", async () => {
  const ask = await open({ users, anonymousPull: true });
  const digest = sha256("x");
  expect((await ask(uploads("a", `?digest=${digest}`), { method: "POST", body: "x", headers: ada })).status).toBe(201);
  expect((await ask(`/v2/a/blobs/${digest}`)).status).toBe(200);
  expect((await ask(`/v2/a/blobs/${digest}`, { headers: basic("", "") })).status).toBe(200);
  expect((await ask("/v2/_catalog")).status).toBe(401);
  expect((await ask("/v2/")).status).toBe(401);
  expect((await ask(uploads("a"), { method: "POST" })).status).toBe(401);
  expect((await ask(`/v2/a/blobs/${digest}`, { method: "DELETE" })).status).toBe(401);
});

test("what a user may not read can neither be mounted nor found in the catalog", async () => {
  const ask = await open({ users, allow: (user, _, repository) => user === "ada" || repository === "bobs" });
  const bob = basic("bob", "käse:🧀");
  const digest = sha256("secret");
  expect(
    (await ask(uploads("adas", `?digest=${digest}`), { method: "POST", body: "secret", headers: ada })).status,
  ).toBe(201);
  for (const query of [`?mount=${digest}&from=adas`, `?mount=${digest}`])
    expect((await ask(uploads("bobs", query), { method: "POST", headers: bob })).status).toBe(202);
  const denied = await ask(`/v2/adas/blobs/${digest}`, { headers: bob });
  expect(denied.status).toBe(403);
  expect(await denied.json()).toMatchObject({ errors: [{ code: "DENIED" }] });
  expect((await ask(uploads("mine", `?mount=${digest}`), { method: "POST", headers: ada })).status).toBe(201);
  expect(await (await ask("/v2/_catalog", { headers: bob })).json()).toEqual({ repositories: [] });
});

test("Bearer: the challenge leads to a token that does what was asked for and no more", async () => {
  const ask = await open({
    users,
    token: { service: "test" },
    allow: (user, _, repository) => user === "ada" || repository === "bobs",
  });
  const challenged = await ask(uploads("a/b", `?mount=${sha256("x")}&from=c/d`), { method: "POST" });
  expect(challenged.status).toBe(401);
  expect(challenged.headers.get("www-authenticate")).toBe(
    `Bearer realm="${registry!.url}/token",service="test",scope="repository:a/b:pull,push repository:c/d:pull"`,
  );
  const tokenFor = async (scopes: string[], headers: Record<string, string> = ada): Promise<Record<string, string>> => {
    const query = new URLSearchParams([
      ["service", "test"],
      ...scopes.map((scope): [string, string] => ["scope", scope]),
    ]);
    const answer = await ask(`/token?${query.toString()}`, { headers });
    expect(answer.status).toBe(200);
    return { authorization: `Bearer ${((await answer.json()) as { token: string }).token}` };
  };
  const pushing = await tokenFor(["repository:a/b:pull,push"]);
  expect((await ask("/v2/", { headers: pushing })).status).toBe(200);
  expect(
    (await ask(uploads("a/b", `?digest=${sha256("x")}`), { method: "POST", body: "x", headers: pushing })).status,
  ).toBe(201);
  const elsewhere = await ask("/v2/c/d/tags/list", { headers: pushing });
  expect(elsewhere.status).toBe(401);
  expect(elsewhere.headers.get("www-authenticate")).toContain('error="insufficient_scope"');
  expect((await ask(`/v2/a/b/blobs/${sha256("x")}`, { method: "DELETE", headers: pushing })).status).toBe(401);
  const deleting = await tokenFor(["repository:a/b:delete"]);
  expect((await ask(`/v2/a/b/blobs/${sha256("x")}`, { method: "DELETE", headers: deleting })).status).toBe(202);
  const bobs = await tokenFor(["repository:a/b:pull,push repository:bobs:pull"], basic("bob", "käse:🧀"));
  expect((await ask("/v2/a/b/tags/list", { headers: bobs })).status).toBe(401);
  expect((await ask("/v2/bobs/tags/list", { headers: bobs })).status).toBe(404);
  const catalog = await ask("/v2/_catalog", { headers: pushing });
  expect(catalog.status).toBe(401);
  expect(catalog.headers.get("www-authenticate")).toContain('scope="registry:catalog:*"');
  await fetch(`${registry!.url}/v2/a/b/manifests/t`, {
    method: "PUT",
    headers: { ...pushing, "content-type": "application/vnd.oci.image.index.v1+json" },
    body: '{"schemaVersion":2,"manifests":[]}',
  });
  const listing = await tokenFor(["registry:catalog:*"]);
  expect(await (await ask("/v2/_catalog", { headers: listing })).json()).toEqual({ repositories: ["a/b"] });
  const bobsList = await tokenFor(["registry:catalog:*"], basic("bob", "käse:🧀"));
  expect(await (await ask("/v2/_catalog", { headers: bobsList })).json()).toEqual({ repositories: [] });
  expect((await ask("/token", { headers: basic("ada", "wrong") })).status).toBe(401);
  // Basic credentials are for the token endpoint only.
  expect((await ask("/v2/", { headers: ada })).status).toBe(401);
});

test("Bearer: OAuth2 forms, refresh tokens, and tokens that run out", async () => {
  const ask = await open({ users, token: { lifetimeSeconds: 1 } });
  const post = (form: Record<string, string>): Promise<Response> =>
    ask("/token", { method: "POST", body: new URLSearchParams(form) });
  const first = await post({
    grant_type: "password",
    username: "ada",
    password: "correct horse",
    access_type: "offline",
  });
  const { refresh_token: refresh, access_token: access } = (await first.json()) as Record<string, string>;
  expect((await post({ grant_type: "password", username: "ada", password: "no" })).status).toBe(401);
  const second = await post({ grant_type: "refresh_token", refresh_token: refresh!, scope: "repository:a:pull" });
  expect(await second.json()).toMatchObject({ expires_in: 1, scope: "repository:a:pull" });
  // Neither kind passes for the other.
  expect((await post({ grant_type: "refresh_token", refresh_token: access! })).status).toBe(401);
  expect((await ask("/v2/", { headers: { authorization: `Bearer ${refresh}` } })).status).toBe(401);
  await sleep(1100);
  const expired = await ask("/v2/", { headers: { authorization: `Bearer ${access}` } });
  expect(expired.status).toBe(401);
  expect(expired.headers.get("www-authenticate")).toContain('error="invalid_token"');
});

test("forged tokens: no algorithm, another one, a key of their own, another key, a changed claim", async () => {
  const key = Buffer.from("the key");
  const ask = await open({ users, token: { key } });
  const encode = (value: object | string): string =>
    Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
  const claims = { sub: "ada", access: [], use: "access", aud: "gantry", exp: Date.now() / 1000 + 100 };
  const make = (header: object | string, signer: Buffer | undefined, payload: object = claims): string => {
    const signed = `${encode(header)}.${encode(payload)}`;
    return `${signed}.${signer === undefined ? "" : createHmac("sha256", signer).update(signed).digest("base64url")}`;
  };
  const good = '{"alg":"HS256","typ":"JWT"}';
  const status = async (token: string): Promise<number> =>
    (await ask("/v2/", { headers: { authorization: `Bearer ${token}` } })).status;
  expect(await status(make(good, key))).toBe(200);
  const own = Buffer.from("mine");
  const forged = [
    make({ alg: "none", typ: "JWT" }, undefined),
    make(good, undefined),
    make({ alg: "HS256", typ: "JWT", jwk: { kty: "oct", k: own.toString("base64url") } }, own),
    make({ alg: "HS256", typ: "JWT", kid: "/dev/null" }, Buffer.alloc(0)),
    make({ alg: "HS512", typ: "JWT" }, key),
    make(good, own),
    make(good, key, { ...claims, aud: "another" }),
    make(good, key, { ...claims, exp: 1 }),
    make(good, key).replace(/\.[^.]+\./, `.${encode({ ...claims, sub: "root" })}.`),
    "x",
    "..",
    "",
  ];
  for (const token of forged) expect(await status(token), token).toBe(401);
});
