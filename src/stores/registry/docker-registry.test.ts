import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bottomUp } from "../../content/index.js";
import { type Descriptor, encodeJson, MEDIA_TYPES } from "../../spec/index.js";
import { type Body, bytesBody, digestOf, readAll } from "../../streams/index.js";
import type { RegistryHost } from "./host.js";
import { plainHost } from "./scripted-registry.js";

/** distribution 2.8 as Debian ships it: a registry that none of us wrote. */
const installed = await new Promise<boolean>((done) => {
  spawn("docker-registry", ["--version"], { stdio: "ignore" })
    .once("error", () => done(false))
    .once("exit", (code) => done(code === 0));
});

describe.runIf(installed)("against distribution 2.8", () => {
  let process: ChildProcess;
  let folder: string;
  let host: RegistryHost;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gantry-registry-"));
    const port = await freePort();
    const config = join(folder, "config.yml");
    await writeFile(
      config,
      `version: 0.1
storage: { filesystem: { rootdirectory: ${join(folder, "data")} }, delete: { enabled: true } }
http: { addr: "127.0.0.1:${port}" }
log: { level: error, accesslog: { disabled: true } }
`,
    );
    process = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
    host = plainHost(`127.0.0.1:${port}`);
    for (let tries = 0; ; tries++) {
      try {
        await host.ping();
        return;
      } catch (error) {
        if (tries > 100) throw error;
        await sleep(100);
      }
    }
  });

  afterAll(async () => {
    process.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  test("an image goes in and comes out the same, in the fewest requests", async () => {
    const image = makeImage();
    const store = host.repository("demo/app", { access: "write" });
    const before = host.requests;
    await expect(store.resolve("1.0")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    expect(await store.exists(image.manifest)).toBe(false);
    const [config, ...layers] = image.blobs;
    await store.writer.putBlob(config!.descriptor, bytesBody(config!.bytes), { present: "no" });
    for (const layer of layers) {
      expect(await store.writer.putBlob(layer.descriptor, bytesBody(layer.bytes))).toMatchObject({ how: "uploaded" });
    }
    await store.writer.putManifest(image.bytes, image.manifest, { tags: ["1.0"] });
    expect(host.requests - before).toBe(20);

    expect(await store.resolve("1.0")).toEqual(image.manifest);
    expect(host.requests - before).toBe(21);
    const nodes: Descriptor[] = [];
    for await (const node of bottomUp(store, image.manifest)) nodes.push(node);
    expect(nodes).toHaveLength(7);
    for (const { descriptor, bytes } of image.blobs) {
      const read = await readAll(store.blob(descriptor).open(), 1e9);
      expect(Buffer.compare(read, bytes)).toBe(0);
      const tail = await readAll(store.blob(descriptor).open({ start: 100 }), 1e9);
      expect(Buffer.compare(tail, bytes.subarray(100))).toBe(0);
    }
  });

  test("blobs are mounted from a repository of the same host, one request each", async () => {
    const { blobs } = await push("mount/from");
    const to = host.repository("mount/to");
    const before = host.requests;
    for (const { descriptor, bytes } of blobs) {
      const placement = await to.writer.putBlob(descriptor, bytesBody(bytes), {
        present: "no",
        mountFrom: [
          { host: "elsewhere.example", repository: "mount/from" },
          { host: host.name, repository: "mount/from" },
        ],
      });
      expect(placement).toMatchObject({ how: "mounted", bytes: 0 });
    }
    expect(host.requests - before).toBe(blobs.length);
  });

  test("a location that does not have the blob costs nothing: its session takes the upload", async () => {
    const bytes = randomBytes(3000);
    const descriptor = layerOf(bytes);
    const before = host.requests;
    const mountFrom = [{ host: host.name, repository: "nobody/there" }];
    const store = host.repository("mount/refused");
    const placement = await store.writer.putBlob(descriptor, bytesBody(bytes), { present: "no", mountFrom });
    expect(placement).toMatchObject({ how: "uploaded", bytes: 3000 });
    expect(host.requests - before).toBe(2);
  });

  test("a stream whose digest nobody knows yet, and an empty blob", async () => {
    const store = host.repository("streams/app");
    const bytes = randomBytes(1_000_000);
    const stream = { ...bytesBody(bytes), size: undefined };
    const placement = await store.writer.putBlob({ mediaType: MEDIA_TYPES.ociLayer }, stream);
    expect(placement.descriptor).toEqual({ mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: 1_000_000 });
    expect(await readAll(store.blob(placement.descriptor).open(), 1e9)).toHaveLength(1_000_000);
    const empty = layerOf(new Uint8Array());
    expect(await store.writer.putBlob(empty, bytesBody(new Uint8Array()))).toMatchObject({ how: "uploaded" });
    expect(await store.exists(empty)).toBe(true);
  });

  test("a referrer is found through the fallback tag, also when several are written at once", async () => {
    const { manifest: subject } = await push("refs/app");
    const store = host.repository("refs/app");
    const written = await Promise.all(
      ["a", "b", "c", "d"].map(async (kind) => {
        const config = new TextEncoder().encode("{}");
        const configDescriptor = { mediaType: MEDIA_TYPES.ociEmpty, digest: digestOf(config), size: 2 };
        await store.writer.putBlob(configDescriptor, bytesBody(config));
        const bytes = encodeJson({
          schemaVersion: 2,
          mediaType: MEDIA_TYPES.ociManifest,
          artifactType: `application/x-${kind}`,
          config: configDescriptor,
          layers: [configDescriptor],
          subject,
          annotations: { kind },
        });
        const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.byteLength };
        await store.writer.putManifest(bytes, descriptor);
        return descriptor.digest;
      }),
    );
    const all = await collect(store.referrers.list(subject));
    expect(all.map(({ digest }) => digest).sort()).toEqual([...written].sort());
    const one = await collect(store.referrers.list(subject, { artifactType: "application/x-c" }));
    expect(one).toEqual([expect.objectContaining({ artifactType: "application/x-c", annotations: { kind: "c" } })]);
    expect(host.traits.referrers).toBe(false);
  });

  test("tags and repositories are listed over many pages; manifests and blobs are removed", async () => {
    const image = await push("tags/app");
    const store = host.repository("tags/app");
    const tags = Array.from({ length: 30 }, (_, i) => `v${i}`);
    await store.writer.putManifest(image.bytes, image.manifest, { tags });
    expect(new Set(await collect(store.tags.list()))).toEqual(new Set(["1.0", ...tags]));
    expect(await collect(host.catalog())).toContain("tags/app");
    await expect(store.tags.remove("v1")).rejects.toMatchObject({ code: "UNSUPPORTED" });
    await store.remover.remove(image.manifest);
    await expect(store.resolve("v1", { suggest: true })).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    await store.remover.remove(image.blobs[1]!.descriptor);
    expect(await store.exists(image.blobs[1]!.descriptor)).toBe(false);
  });

  test("a manifest whose blobs are missing names them", async () => {
    const image = makeImage();
    const store = host.repository("missing/app");
    await expect(store.writer.putManifest(image.bytes, image.manifest, { tags: ["1"] })).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
      facts: { digests: expect.stringContaining(image.blobs[2]!.descriptor.digest) },
    });
  });

  test("a name moves only while it points where it is expected to", async () => {
    const image = await push("swap/app");
    const other = makeImage("other");
    const store = host.repository("swap/app");
    for (const { descriptor, bytes } of other.blobs) await store.writer.putBlob(descriptor, bytesBody(bytes));
    const put = (ifMatch: typeof image.manifest.digest | "") =>
      store.writer.putManifest(other.bytes, other.manifest, { tags: ["1.0"], ifMatch });
    await expect(put("")).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(put(other.manifest.digest)).rejects.toMatchObject({ code: "CONFLICT" });
    await put(image.manifest.digest);
    expect((await store.resolve("1.0")).digest).toBe(other.manifest.digest);
  });

  test("an upload whose connection breaks three times arrives", async () => {
    const bytes = randomBytes(24 * 1024 * 1024);
    const cuts = [5_000_000, 3_000_000, 7_000_000];
    let upstream = 0;
    // A cable that is pulled when so many bytes went through: one connection after the other.
    const cable = createServer((client) => {
      const registry = connect(Number(host.name.split(":")[1]), "127.0.0.1");
      let here = 0;
      client.on("data", (chunk) => {
        upstream += chunk.byteLength;
        here += chunk.byteLength;
        registry.write(chunk);
        if (cuts.length > 0 && here > cuts[0]!) {
          cuts.shift();
          client.destroy();
          registry.end();
        }
      });
      registry.pipe(client);
      for (const socket of [client, registry]) {
        socket.on("error", () => {});
        socket.on("close", () => (socket === client ? registry : client).destroySoon());
      }
    });
    await new Promise<void>((done) => cable.listen(0, "127.0.0.1", done));
    const { port } = cable.address() as { port: number };
    await using through = plainHost(`127.0.0.1:${port}`);
    let counted = 0;
    const store = through.repository("resume/app");
    const placement = await store.writer.putBlob(layerOf(bytes), piecewise(bytes), { onBytes: (n) => (counted += n) });
    expect(placement).toMatchObject({ how: "uploaded" });
    expect(cuts).toEqual([]);
    expect(counted).toBe(bytes.byteLength);
    // This version refuses a session whose last request broke ("upload resumed at wrong offset"); 3.0 continues it.
    expect(upstream).toBeLessThan(bytes.byteLength + 16_000_000);
    expect(await host.repository("resume/app").exists(layerOf(bytes))).toBe(true);
    cable.close();
  });

  async function push(repository: string) {
    const image = makeImage(repository);
    const store = host.repository(repository);
    for (const { descriptor, bytes } of image.blobs) await store.writer.putBlob(descriptor, bytesBody(bytes));
    await store.writer.putManifest(image.bytes, image.manifest, { tags: ["1.0"] });
    return image;
  }
});

function makeImage(author = "gantry") {
  const layers = Array.from({ length: 5 }, () => randomBytes(50_000));
  const config = encodeJson({
    architecture: "amd64",
    os: "linux",
    author,
    rootfs: { type: "layers", diff_ids: layers.map((bytes) => digestOf(bytes)) },
  });
  const blobs = [config, ...layers].map((bytes, i) => ({
    bytes,
    descriptor:
      i === 0 ? { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(bytes), size: bytes.byteLength } : layerOf(bytes),
  }));
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: blobs[0]!.descriptor,
    layers: blobs.slice(1).map(({ descriptor }) => descriptor),
  });
  const manifest = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(bytes), size: bytes.byteLength };
  return { blobs, bytes, manifest };
}

const layerOf = (bytes: Uint8Array): Descriptor => ({
  mediaType: MEDIA_TYPES.ociLayer,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

const piecewise = (bytes: Uint8Array): Body => ({
  size: bytes.byteLength,
  async *open({ start = 0 } = {}) {
    for (let at = start; at < bytes.byteLength; at += 65536) yield bytes.subarray(at, at + 65536);
  },
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
