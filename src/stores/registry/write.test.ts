import { createServer } from "node:http";
import { describe, expect, test } from "vitest";
import type { CredentialSource } from "../../net/index.js";
import { type Descriptor, encodeJson, MEDIA_TYPES } from "../../spec/index.js";
import { bytesBody, digestOf, readAll } from "../../streams/index.js";
import { RegistryHost } from "./host.js";
import { plainHost, type Script, scripted } from "./scripted-registry.js";

const CONFIG = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(encodeJson({})), size: 2 };
const JSON_TYPE = { "content-type": "application/json" };

function manifest(more: object = {}): { bytes: Uint8Array; descriptor: Descriptor } {
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: CONFIG,
    layers: [],
    ...more,
  });
  return {
    bytes,
    descriptor: { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.byteLength },
  };
}

async function put(script: Script, options: object = {}, document = manifest()) {
  await using server = await scripted(script);
  const { writer } = server.host.repository("app");
  const outcome = await writer
    .putManifest(document.bytes, document.descriptor, options)
    .catch((error: unknown) => error);
  return { outcome, log: server.log };
}

describe("a put of a manifest", () => {
  test("is one request a tag, and by digest without any", async () => {
    const { descriptor, bytes } = manifest();
    const created: Script = async ({ read, answer, request }) => {
      expect(request.headers["content-type"]).toBe(descriptor.mediaType);
      expect(digestOf(await read())).toBe(descriptor.digest);
      answer(201, { "docker-content-digest": descriptor.digest });
    };
    const tagged = await put(created, { tags: ["a", "b"] });
    expect(tagged.outcome).toEqual({ how: "uploaded", bytes: bytes.byteLength * 2, descriptor });
    expect(tagged.log).toEqual(["PUT /v2/app/manifests/a", "PUT /v2/app/manifests/b"]);
    expect((await put(created)).log).toEqual([`PUT /v2/app/manifests/${descriptor.digest}`]);
  });

  test("fails when the registry stored something else (P27)", async () => {
    const { outcome } = await put(({ answer }) => answer(201, { "docker-content-digest": CONFIG.digest }));
    expect(outcome).toMatchObject({ code: "REGISTRY_PROTOCOL", facts: { got: CONFIG.digest } });
  });

  test("survives a 504 with a page, a lost answer, and a registry in doubt (P08, P15)", async () => {
    const { outcome, log } = await put(({ answer, hits, response }) => {
      if (hits === 1) return answer(504, { "content-type": "text/html" }, "<h1>Gateway</h1>");
      if (hits === 2) return void response.destroy();
      if (hits === 3) return answer(400, JSON_TYPE, '{"errors":[{"code":"DIGEST_INVALID","message":"did not match"}]}');
      answer(201);
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(log).toHaveLength(4);
  });

  test("names what is missing, whatever shape the registry says it in", async () => {
    for (const detail of [{ digest: CONFIG.digest }, CONFIG.digest, { blob: { sum: CONFIG.digest } }]) {
      const { outcome, log } = await put(({ answer }) =>
        answer(404, JSON_TYPE, JSON.stringify({ errors: [{ code: "MANIFEST_BLOB_UNKNOWN", message: "m", detail }] })),
      );
      expect(outcome).toMatchObject({ code: "BLOB_UNKNOWN", facts: { digests: CONFIG.digest } });
      expect(log).toHaveLength(1);
    }
  });

  test("with a condition sends the ETag that it saw, and a 412 is a conflict", async () => {
    const before = manifest({ annotations: { old: "yes" } }).descriptor.digest;
    let condition: unknown;
    const { outcome } = await put(
      ({ method, request, answer }) => {
        if (method === "HEAD") return answer(200, { "docker-content-digest": before, etag: '"v7"' });
        condition = request.headers["if-match"];
        answer(412);
      },
      { tags: ["a"], ifMatch: before },
    );
    expect(condition).toBe('"v7"');
    expect(outcome).toMatchObject({ code: "CONFLICT" });
  });

  test("sends nothing that is not what its descriptor says", async () => {
    const { outcome, log } = await put(
      ({ answer }) => answer(201),
      {},
      {
        ...manifest(),
        bytes: manifest({ annotations: {} }).bytes,
      },
    );
    expect(outcome).toMatchObject({ code: expect.stringMatching(/_MISMATCH$/) });
    expect(log).toEqual([]);
  });

  test("with a subject leaves the fallback tag alone where the registry keeps referrers", async () => {
    const subject = { ...CONFIG, mediaType: MEDIA_TYPES.ociManifest };
    const { log } = await put(
      ({ answer }) => answer(201, { "oci-subject": subject.digest }),
      {},
      manifest({ subject }),
    );
    expect(log).toHaveLength(1);
  });

  test("with a subject merges into the fallback tag what another writer put there meanwhile", async () => {
    const subject = { ...CONFIG, mediaType: MEDIA_TYPES.ociManifest };
    const other = { ...CONFIG, mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(encodeJson("other")) };
    const ours = manifest({ subject });
    let index: Uint8Array | undefined;
    let puts = 0;
    const { outcome } = await put(
      async ({ method, path, answer, read }) => {
        if (!path.includes("/manifests/sha256-")) return answer(201);
        if (method === "GET") {
          return index === undefined
            ? answer(404, JSON_TYPE)
            : answer(200, { "content-type": MEDIA_TYPES.ociIndex }, index);
        }
        index = await read();
        puts += 1;
        // Somebody else read before us and writes after us.
        if (puts === 1) index = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [other] });
        answer(201);
      },
      {},
      ours,
    );
    expect(outcome).toMatchObject({ how: "uploaded" });
    const { manifests } = JSON.parse(new TextDecoder().decode(index)) as { manifests: Descriptor[] };
    expect(manifests.map(({ digest }) => digest)).toEqual([other.digest, ours.descriptor.digest]);
  });
});

describe("referrers", () => {
  const entry = (n: number, artifactType: string) => ({
    mediaType: MEDIA_TYPES.ociManifest,
    digest: digestOf(encodeJson(n)),
    size: 10,
    artifactType,
  });
  const index = (manifests: object[]) => encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests });

  test("come over all pages, filtered here where the registry does not", async () => {
    await using server = await scripted(({ path, answer }) => {
      const first = !path.includes("page=2");
      answer(
        200,
        {
          "content-type": MEDIA_TYPES.ociIndex,
          ...(first ? { link: `<?page=2>; rel="next"` } : {}),
        },
        index(first ? [entry(1, "a/sbom"), entry(2, "a/sig")] : [entry(3, "a/sbom")]),
      );
    });
    const found: string[] = [];
    const store = server.host.repository("app");
    for await (const { digest } of store.referrers.list(CONFIG, { artifactType: "a/sbom" })) found.push(digest);
    expect(found).toEqual([entry(1, "").digest, entry(3, "").digest]);
    expect(server.log[0]).toBe(`GET /v2/app/referrers/${CONFIG.digest}?artifactType=a%2Fsbom`);
  });

  test("that cannot be asked for are an error, never none", async () => {
    await using server = await scripted(({ answer }) => answer(403, JSON_TYPE, '{"errors":[{"code":"DENIED"}]}'));
    const list = server.host.repository("app").referrers.list(CONFIG);
    await expect(list[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "DENIED" });
  });
});

describe("a host", () => {
  test("gets one token for a whole push, from its first HEAD on", async () => {
    const scopes: string[] = [];
    const blob = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(encodeJson("layer")), size: 7 };
    const script: Script = async ({ path, method, request, answer, read }) => {
      const url = new URL(path, "http://x");
      if (url.pathname === "/token") {
        scopes.push(...url.searchParams.getAll("scope"));
        return answer(200, JSON_TYPE, JSON.stringify({ token: "t", expires_in: 300 }));
      }
      if (request.headers.authorization !== "Bearer t") {
        return answer(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token",service="x"` });
      }
      if (method === "HEAD") return answer(404, JSON_TYPE);
      if (method === "POST") return answer(202, { location: "/v2/app/blobs/uploads/1" });
      await read();
      answer(201);
    };
    const credentials: CredentialSource = { find: async () => undefined };
    await using server = await scripted(script, { credentials });
    const store = server.host.repository("app", { access: "write" });
    await store.resolve("1").catch(() => undefined);
    await store.writer.putBlob(blob, bytesBody(encodeJson("layer")));
    await store.writer.putManifest(manifest().bytes, manifest().descriptor, { tags: ["1"] });
    expect(scopes).toEqual(["repository:app:pull,push"]);
  });

  test("says what a registry refused in its own words, on one line, with its request's name", async () => {
    await using server = await scripted(({ answer }) =>
      answer(
        400,
        { ...JSON_TYPE, "x-request-id": "r-1" },
        JSON.stringify({ errors: [{ code: "NAME_INVALID", message: "Bad\n\u001b[31mname" }] }),
      ),
    );
    await expect(server.host.repository("app").exists(CONFIG)).rejects.toMatchObject({ code: "REGISTRY_REFUSED" });
    const error = (await readAll(server.host.repository("app").blob(CONFIG).open(), 9).catch(
      (e: unknown) => e,
    )) as Error;
    expect(error).toMatchObject({
      message: "bad \\u001b[31mname",
      registry: { status: 400, requestId: "r-1", errors: [{ code: "NAME_INVALID" }] },
    });
  });

  test("lists its repositories, says whether it is there, and refuses names that are none", async () => {
    await using server = await scripted(({ path, answer }) => {
      if (path === "/v2/") return answer(401, { "www-authenticate": "Negotiate" });
      answer(200, JSON_TYPE, '{"repositories":["a","b/c"]}');
    });
    const names: string[] = [];
    for await (const name of server.host.catalog()) names.push(name);
    expect(names).toEqual(["a", "b/c"]);
    for (const name of ["../x", "A", "a//b", "a?x=1", "a/blobs/uploads/../../.."]) {
      expect(() => server.host.repository(name)).toThrow(expect.objectContaining({ code: "REFERENCE_INVALID" }));
    }
  });

  test("waits for a registry that is being started, unless told not to (P01)", async () => {
    const server = createServer((_request, response) => response.end());
    const listen = (port: number) => new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
    await listen(0);
    const { port } = server.address() as { port: number };
    await new Promise((done) => server.close(done));
    await using impatient = plainHost(`127.0.0.1:${port}`, { retry: { attempts: 1 } });
    await expect(impatient.ping()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    await using patient = plainHost(`127.0.0.1:${port}`);
    const ping = patient.ping();
    await new Promise((done) => setTimeout(done, 400));
    await listen(port);
    expect(await ping).toMatchObject({ anonymous: true });
    server.closeAllConnections();
    server.close();
  });

  test("reads a foreign layer where its manifest says, when it has none, and shows no credential there", async () => {
    const bytes = encodeJson("far away");
    const layer = { mediaType: MEDIA_TYPES.ociForeignLayer, digest: digestOf(bytes), size: bytes.byteLength };
    let seen: unknown = "nothing";
    await using far = await scripted(({ request, answer }) => {
      seen = request.headers.authorization;
      answer(200, {}, bytes);
    });
    await using server = await scripted(({ answer }) => answer(404, JSON_TYPE));
    // TLS ends before the test's server, as at a load balancer.
    const plain = await import("../../net/index.js").then(({ undiciTransport }) =>
      undiciTransport({ name: far.address }),
    );
    const host = new RegistryHost({
      name: server.address,
      transport: plain,
      foreign: (request) => plain({ ...request, url: new URL(request.url.href.replace("https:", "http:")) }),
      origin: async () => new URL(`http://${server.address}/`),
      close: async () => plain[Symbol.asyncDispose](),
    });
    const body = host.repository("app").blob({ ...layer, urls: [`https://${far.address}/layer`] });
    expect(Buffer.from(await readAll(body.open(), 1000)).equals(bytes)).toBe(true);
    expect(seen).toBeUndefined();
    await host[Symbol.asyncDispose]();
  });

  test("sends an upload where the registry says, with its credentials only at home (P38)", async () => {
    const bytes = encodeJson("layer");
    const blob = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.byteLength };
    const seen: unknown[] = [];
    await using far = await scripted(async ({ request, read, answer }) => {
      seen.push(request.headers.authorization);
      await read();
      answer(201);
    });
    const find: CredentialSource["find"] = async () => ({
      credential: { kind: "basic", username: "u", password: "p" },
      origin: "a test",
    });
    await using server = await scripted(
      ({ request, answer }) =>
        request.headers.authorization === undefined
          ? answer(401, { "www-authenticate": "Basic" })
          : answer(202, { location: `http://${far.address}/upload?a=1` }),
      { credentials: { find } },
    );
    await server.host.repository("app").writer.putBlob(blob, bytesBody(bytes), { present: "no" });
    expect(seen).toEqual([undefined]);
    expect(far.log).toEqual([`PUT /upload?a=1&digest=${encodeURIComponent(blob.digest)}`]);
  });
});
