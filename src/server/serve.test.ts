import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RunningRegistry, serve, type ServeEvent, type ServeOptions, sweep } from "./index.js";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const sha256 = (bytes: Uint8Array | string): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const manifest = (note: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI,
    config: { mediaType: "application/vnd.oci.empty.v1+json", digest: sha256("{}"), size: 2 },
    layers: [],
    annotations: { note },
  });

let root: string;
const running: RunningRegistry[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-serve-"));
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((registry) => registry.close()));
  await rm(root, { recursive: true, force: true });
});

async function open(options: Partial<ServeOptions> = {}): Promise<RunningRegistry> {
  const registry = await serve({ root, durable: false, ...options });
  running.push(registry);
  return registry;
}

async function startUpload(registry: RunningRegistry, repository = "a/b"): Promise<string> {
  const answer = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  expect(answer.status).toBe(202);
  return registry.url + answer.headers.get("location")!;
}

const put = (
  registry: RunningRegistry,
  tag: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${registry.url}/v2/a/b/manifests/${tag}`, {
    method: "PUT",
    body,
    headers: { "content-type": OCI, ...headers },
  });

const pushBlob = (registry: RunningRegistry, bytes: Uint8Array, repository = "a/b"): Promise<Response> =>
  fetch(`${registry.url}/v2/${repository}/blobs/uploads/?digest=${sha256(bytes)}`, {
    method: "POST",
    body: Buffer.from(bytes),
  });

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** Says something on a plain connection and hears everything until its end. */
async function say(registry: RunningRegistry, text: string): Promise<string> {
  const socket = connect(Number(registry.host.split(":")[1]), "127.0.0.1");
  socket.write(text);
  let heard = "";
  for await (const chunk of socket) heard += String(chunk);
  return heard;
}

test("an upload that breaks off goes on where it ended, by asking, or from its start, without asking", async () => {
  const registry = await open();
  const bytes = randomBytes(4_000_000);
  for (const asks of [true, false]) {
    const location = await startUpload(registry);
    const broken = request(location, { method: "PATCH", headers: { "content-length": bytes.length } });
    broken.on("error", () => undefined);
    broken.write(bytes.subarray(0, 3_000_000));
    await once(broken, "socket");
    await sleep(100);
    broken.destroy();
    let from = 0;
    if (asks) {
      const status = await fetch(location);
      expect(status.status).toBe(204);
      from = Number(/^0-(\d+)$/.exec(status.headers.get("range")!)![1]) + 1;
      expect(from).toBeGreaterThan(1);
      expect(from).toBeLessThanOrEqual(3_000_000);
    }
    const headers: Record<string, string> = asks ? { "content-range": `${from}-${bytes.length - 1}` } : {};
    const rest = await fetch(location, { method: "PATCH", body: bytes.subarray(from), headers });
    expect(rest.status).toBe(202);
    const done = await fetch(`${location}?digest=${sha256(bytes)}`, { method: "PUT" });
    expect(done.status).toBe(201);
  }
});

test("who comes back to an upload replaces the connection that still hangs", async () => {
  const registry = await open();
  const location = await startUpload(registry);
  const bytes = randomBytes(100_000);
  const hanging = request(location, { method: "PATCH", headers: { "content-length": bytes.length } });
  const cut = once(hanging, "error");
  hanging.write(bytes.subarray(0, 50_000));
  await sleep(50);
  const done = await fetch(`${location}?digest=${sha256(bytes)}`, { method: "PUT", body: bytes });
  expect(done.status).toBe(201);
  await cut;
});

test("a body that breaks off leaves no blob and, after the expiry, no file", async () => {
  const registry = await open({ uploadExpiryMs: 100 });
  const bytes = randomBytes(2_000_000);
  const broken = request(`${registry.url}/v2/a/b/blobs/uploads/?digest=${sha256(bytes)}`, {
    method: "POST",
    headers: { "content-length": bytes.length },
  });
  broken.on("error", () => undefined);
  broken.write(bytes.subarray(0, 1_500_000));
  await sleep(50);
  broken.destroy();
  const location = await startUpload(registry);
  await fetch(location, { method: "PATCH", body: "some" });
  await expect.poll(() => filesBelow("scratch")).toEqual([]);
  expect(await filesBelow("blobs")).toEqual([]);
  expect((await fetch(location)).status).toBe(404);
});

test("bytes beyond Content-Length are no part of the blob", async () => {
  const registry = await open();
  const heard = await say(
    registry,
    `POST /v2/a/b/blobs/uploads/?digest=${sha256("abc")} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcdefgh\r\n\r\n`,
  );
  // What follows the blob is no request; whether the blob's own answer comes before that is noticed is a race.
  expect(heard).toContain("400 Bad Request");
  await sleep(50);
  const blob = await fetch(`${registry.url}/v2/a/b/blobs/${sha256("abc")}`);
  if (blob.status !== 404) expect(await blob.text()).toBe("abc");
  expect((await filesBelow("blobs")).filter((name) => !sha256("abc").endsWith(name))).toEqual([]);
});

test("a request with two lengths is refused", async () => {
  const registry = await open();
  const head = "POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: x\r\n";
  for (const twice of [
    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 3\r\nContent-Length: 4\r\n",
    "Transfer-Encoding: identity, chunked, gzip\r\n",
  ])
    expect(await say(registry, `${head}${twice}\r\nabc`)).toMatch(/^HTTP\/1\.1 400 /);
  expect(registry.requests).toBe(0);
});

test("pipelined requests and HTTP/1.0 clients get their answers", async () => {
  const registry = await open();
  const ping = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
  const heard = await say(registry, `${ping}${ping}GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  expect(heard.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3);
  const old = await say(registry, "GET /v2/ HTTP/1.0\r\n\r\n");
  expect(old).toMatch(/^HTTP\/1\.1 200 OK/);
  expect(old).not.toMatch(/transfer-encoding/i);
});

test("a body is asked for when it is wanted and not before", async () => {
  const registry = await open();
  const head = (path: string, length: number): string =>
    `PUT ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Type: ${OCI}\r\nContent-Length: ${length}\r\n\r\n`;
  const refused = await say(registry, head("/v2/a/b/manifests/x", 100_000_000));
  expect(refused).toMatch(/^HTTP\/1\.1 413 /);
  const body = manifest("x");
  const taken = await say(registry, head("/v2/a/b/manifests/x", Buffer.byteLength(body)) + body);
  expect(taken).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
});

test("parallel pushes of one blob, and of one upload's end, are safe", async () => {
  const registry = await open();
  const bytes = randomBytes(300_000);
  const pushes = Array.from({ length: 20 }, (_, at) => pushBlob(registry, bytes, `a/r${at % 4}`));
  for (const answer of await Promise.all(pushes)) expect(answer.status).toBe(201);
  const location = await startUpload(registry, "a/twice");
  await fetch(location, { method: "PATCH", body: bytes });
  const ends = Array.from({ length: 5 }, () => fetch(`${location}?digest=${sha256(bytes)}`, { method: "PUT" }));
  const statuses = (await Promise.all(ends)).map((answer) => answer.status).sort((a, b) => a - b);
  expect(statuses).toEqual([201, 404, 404, 404, 404]);
  for (const repository of ["a/r0", "a/r3", "a/twice"]) {
    const blob = await fetch(`${registry.url}/v2/${repository}/blobs/${sha256(bytes)}`);
    expect(sha256(new Uint8Array(await blob.arrayBuffer()))).toBe(sha256(bytes));
  }
});

test("a blob's bytes go when the last repository lets go of it", async () => {
  const registry = await open();
  const bytes = randomBytes(1000);
  await pushBlob(registry, bytes, "a/one");
  await pushBlob(registry, bytes, "a/two");
  const remove = (repository: string): Promise<Response> =>
    fetch(`${registry.url}/v2/${repository}/blobs/${sha256(bytes)}`, { method: "DELETE" });
  expect((await remove("a/one")).status).toBe(202);
  expect(await filesBelow("blobs")).toHaveLength(1);
  expect((await remove("a/two")).status).toBe(202);
  expect(await filesBelow("blobs")).toEqual([]);
  expect(await filesBelow("links")).toEqual([]);
});

test("one of many that create a tag, or move it from the same state, wins", async () => {
  const registry = await open();
  const statuses = async (headers: Record<string, string>): Promise<number[]> => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => put(registry, "t", manifest(`${headers["if-match"]}${at}`), headers)),
    );
    return answers.map((answer) => answer.status).sort((a, b) => a - b);
  };
  const oneOf12 = [201, ...Array.from({ length: 11 }, () => 412)];
  expect(await statuses({ "if-none-match": "*" })).toEqual(oneOf12);
  const etag = (await fetch(`${registry.url}/v2/a/b/manifests/t`)).headers.get("etag")!;
  expect(await statuses({ "if-match": etag })).toEqual(oneOf12);
});

test("immutable tags stay on every way to change them", async () => {
  const registry = await open({ immutableTags: ["v*"] });
  const digest = sha256(manifest("1"));
  const url = `${registry.url}/v2/a/b/manifests`;
  expect((await put(registry, "v1", manifest("1"))).status).toBe(201);
  expect((await put(registry, "v1", manifest("1"))).status).toBe(201);
  expect((await put(registry, "v1", manifest("2"))).status).toBe(409);
  expect((await put(registry, `${sha256(manifest("2"))}?tag=new&tag=v1`, manifest("2"))).status).toBe(409);
  expect((await fetch(`${url}/new`)).status).toBe(404);
  expect((await fetch(`${url}/v1`, { method: "DELETE" })).status).toBe(409);
  expect((await fetch(`${url}/${digest}`, { method: "DELETE" })).status).toBe(409);
  expect((await fetch(`${url}/v1`)).headers.get("docker-content-digest")).toBe(digest);
});

test("where deleting is switched off nothing can be deleted, but an upload can be cancelled", async () => {
  const registry = await open({ delete: false });
  await put(registry, "t", manifest("1"));
  await pushBlob(registry, randomBytes(3));
  const paths = ["manifests/t", `manifests/${sha256(manifest("1"))}`, `blobs/${sha256("x")}`];
  for (const path of paths)
    expect((await fetch(`${registry.url}/v2/a/b/${path}`, { method: "DELETE" })).status).toBe(405);
  expect((await fetch(await startUpload(registry), { method: "DELETE" })).status).toBe(204);
});

test("a registry may take larger manifests than 4 MiB", async () => {
  const registry = await open({ maxManifestBytes: 8_000_000 });
  const large = manifest("x".repeat(6_000_000));
  expect((await put(registry, "t", large)).status).toBe(201);
  expect(await (await fetch(`${registry.url}/v2/a/b/manifests/t`)).text()).toBe(large);
  expect((await fetch(`${registry.url}/v2/a/b/manifests/${sha256(large)}`, { method: "DELETE" })).status).toBe(202);
});

test("what was pushed is there after a restart, and the log tells of it", async () => {
  const events: ServeEvent[] = [];
  const first = await open({ log: (event) => events.push(event) });
  const bytes = randomBytes(5000);
  await pushBlob(first, bytes);
  await put(first, "t", manifest("1"));
  await startUpload(first);
  await first.close();
  expect(events.map(({ method, status, bytesReceived }) => [method, status, bytesReceived])).toEqual([
    ["POST", 201, 5000],
    ["PUT", 201, Buffer.byteLength(manifest("1"))],
    ["POST", 202, 0],
  ]);
  const second = await open();
  expect((await fetch(`${second.url}/v2/a/b/manifests/t`)).status).toBe(200);
  expect((await fetch(`${second.url}/v2/a/b/blobs/${sha256(bytes)}`)).status).toBe(200);
  const catalog = await (await fetch(`${second.url}/v2/_catalog`)).json();
  expect(catalog).toEqual({ repositories: ["a/b"] });
});

test("a sweep takes what nobody can see, and what no manifest names when asked to", async () => {
  const registry = await open();
  const [named, unnamed] = [Buffer.from("{}"), randomBytes(100)];
  for (const repository of ["a/b", "a/c"])
    for (const bytes of [named, unnamed]) await pushBlob(registry, bytes, repository);
  await put(registry, "t", manifest("1"));
  await registry.close();
  const orphan = sha256("orphan").slice(7);
  const folder = join(root, "blobs/sha256", orphan.slice(0, 2));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, orphan), "orphan");
  expect(await sweep(root)).toEqual({ unlinked: 0, removed: 1, bytes: 6 });
  expect(await sweep(root, { unreferenced: true })).toEqual({ unlinked: 3, removed: 1, bytes: 100 });
  const again = await open();
  const status = async (bytes: Uint8Array, repository: string): Promise<number> =>
    (await fetch(`${again.url}/v2/${repository}/blobs/${sha256(bytes)}`)).status;
  expect(await status(named, "a/b")).toBe(200);
  expect(await status(named, "a/c")).toBe(404);
  expect(await status(unnamed, "a/b")).toBe(404);
});

test("the catalog comes in pages, in the order of whole names", async () => {
  const registry = await open();
  for (const name of ["b", "a/b", "a-b", "a", "a/b/c"])
    await fetch(`${registry.url}/v2/${name}/manifests/t`, {
      method: "PUT",
      body: manifest("1"),
      headers: { "content-type": OCI },
    });
  const names: string[] = [];
  let path: string | undefined = "/v2/_catalog?n=2";
  while (path !== undefined) {
    const answer: Response = await fetch(registry.url + path);
    const page = (await answer.json()) as { repositories: string[] };
    expect(page.repositories.length).toBeLessThanOrEqual(2);
    names.push(...page.repositories);
    path = /<([^>]+)>/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  expect(names).toEqual(["a", "a-b", "a/b", "a/b/c", "b"]);
});

test("an address in use is an error that names it, and a signal closes", async () => {
  const registry = await open();
  const port = Number(registry.host.split(":")[1]);
  await expect(serve({ root: join(root, "other"), listen: { port } })).rejects.toMatchObject({
    code: "IO",
    where: registry.host,
  });
  const control = new AbortController();
  const second = await open({ root: join(root, "second"), signal: control.signal });
  control.abort();
  await expect
    .poll(() =>
      fetch(`${second.url}/v2/`).then(
        () => true,
        () => false,
      ),
    )
    .toBe(false);
});
