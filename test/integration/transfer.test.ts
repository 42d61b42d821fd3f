import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { memoryStore, type Store, verifyGraph } from "../../src/content/index.js";
import { Gantry } from "../../src/gantry.js";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { type Descriptor, encodeJson, MEDIA_TYPES, parseIndex, parseManifest } from "../../src/spec/index.js";
import { digestOf } from "../../src/streams/index.js";
import { openHost } from "../../src/stores/registry/index.js";
import { addArtifact, addDocument, addImage, addIndex } from "../../src/transfer/content.test-support.js";
import { type CurrentTag, planCopy, updateTag } from "../../src/transfer/index.js";
import { type FrontDoor, frontDoor } from "./front-door.js";

let root: string;
let gantry: Gantry;
let running: RunningRegistry;
let door: FrontDoor;
const open: AsyncDisposable[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-transfer-"));
  gantry = new Gantry({ dataDir: join(root, "data"), cacheDir: join(root, "cache"), cwd: root });
  running = await serve({ root: join(root, "registry"), durable: false });
  door = await frontDoor(running.url);
});
afterEach(async () => {
  for (const each of [gantry, ...open.splice(0), door]) await each[Symbol.asyncDispose]();
  await running.close();
  await rm(root, { recursive: true, force: true });
});

function repository(name: string, host: string = running.host): Store {
  const opened = openHost({ name: host });
  open.push(opened);
  return opened.repository(name, { access: "write" });
}

async function put(store: Store, image: Descriptor, from: Store, tag: string): Promise<void> {
  await (await planCopy(from, image, [{ store, tag, name: tag }], { attachedFrom: { store: from } })).apply();
}

async function referrers(store: Store, subject: Descriptor): Promise<string[]> {
  const found: string[] = [];
  for await (const { digest } of store.referrers!.list(subject)) found.push(digest);
  return found.toSorted();
}

describe("what is attached", () => {
  it("goes from a registry through a layout and gantry's own store into another repository, all digests equal", async () => {
    const memory = memoryStore();
    const image = await addImage(memory, "a");
    const index = await addIndex(memory, [image, await addImage(memory, "b")]);
    const sbom = await addArtifact(memory, "sbom", { subject: image, type: "application/spdx+json" });
    const ofSbom = await addArtifact(memory, "signature of the sbom", { subject: sbom });
    const tag = `${index.digest.replace(":", "-")}.sig`;
    const signature = await addArtifact(memory, "signature", { tags: [tag] });
    await put(repository("first"), index, memory, "1");

    await (await gantry.copy(`${running.host}/first:1`, "oci:./layout:1")).apply();
    // The image is still what a layout with one image is without a name.
    expect((await gantry.resolve("oci:./layout")).descriptor.digest).toBe(index.digest);
    await (await gantry.copy("oci:./layout:1", "local:kept:1")).apply();
    const stored = [];
    for await (const { name } of gantry.images()) stored.push(name);
    expect(stored).toEqual(["docker.io/library/kept:1"]);
    await (await gantry.push("local:kept:1", [`${running.host}/second:1`])).apply();

    const second = repository("second");
    expect(await referrers(second, image)).toEqual([sbom.digest]);
    expect(await referrers(second, sbom)).toEqual([ofSbom.digest]);
    expect((await second.resolve(tag)).digest).toBe(signature.digest);
    for (const each of [index, sbom, ofSbom, signature]) await verifyGraph(second, each);
  });

  it("reaches a registry without the referrers API under the fallback tag, and comes from there", async () => {
    const old = await frontDoor(running.url);
    open.push(old);
    old.judge = ({ path }) => (path.includes("/referrers/") ? { status: 404 } : "pass");
    old.stripped.add("oci-subject");
    const memory = memoryStore();
    const image = await addImage(memory, "a");
    const sbom = await addArtifact(memory, "sbom", { subject: image });
    await put(repository("old", old.host), image, memory, "1");
    await (await gantry.copy(`${old.host}/old:1`, `${running.host}/new:1`)).apply();
    expect(await referrers(repository("new"), image)).toEqual([sbom.digest]);
  });

  it("costs two requests at the source when there is nothing, and none when the image is there", async () => {
    const memory = memoryStore();
    const image = await addImage(memory, "a", { layers: 5 });
    await put(repository("five"), image, memory, "1");
    const copy = async (from: string, to: string, options = {}) => {
      door.log.length = 0;
      // A command each: what one process has read, the next has not.
      await using own = new Gantry({ dataDir: join(root, "data"), cacheDir: join(root, "cache"), cwd: root });
      await (await own.copy(from, to, options)).apply();
      return door.log.length;
    };
    const five = `${door.host}/five:1`;
    const layout = "oci:./five:1";
    const none = await copy(five, "oci:./without:1", { attached: "none" });
    expect(await copy(five, layout)).toBe(none + 2);
    // To the door from a layout: the limits of the project.
    expect(await copy(layout, `${door.host}/cold:1`)).toBeLessThanOrEqual(20);
    expect(await copy(layout, `${door.host}/cold:1`)).toBe(1);
    expect(await copy(layout, `${door.host}/cold:2`)).toBeLessThanOrEqual(2);
    expect(await copy(layout, `${door.host}/other:1`)).toBeLessThanOrEqual(9);
    expect(await copy(five, `${door.host}/five:2`)).toBeLessThanOrEqual(3);
    expect(await copy(five, `${door.host}/other2:1`)).toBeLessThanOrEqual(12);
    expect(await copy(five, `${door.host}/other2:1`)).toBeLessThanOrEqual(2);
  });
});

describe("platforms", () => {
  const platformed = async () => {
    const memory = memoryStore();
    const [a, b] = [await addImage(memory, "a"), await addImage(memory, "b")];
    const about = await addArtifact(memory, "provenance of a");
    const manifests = [
      { ...a, platform: { os: "linux", architecture: "amd64" } },
      { ...b, platform: { os: "linux", architecture: "arm64" } },
      {
        ...about,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: {
          "vnd.docker.reference.type": "attestation-manifest",
          "vnd.docker.reference.digest": a.digest,
        },
      },
    ];
    const index = await addDocument(memory, MEDIA_TYPES.ociIndex, {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests,
    });
    const signature = await addArtifact(memory, "signature of a", { subject: a });
    await put(repository("app"), index, memory, "1");
    return { index, a, b, about, signature };
  };

  it("one is its image with its referrers; with attestations asked for, an index of both", async () => {
    const { a, about, signature } = await platformed();
    const source = `${running.host}/app:1`;
    const platforms = ["linux/amd64"];
    const one = await (await gantry.copy(source, `${running.host}/one:1`, { platforms })).apply();
    expect(one.digest).toBe(a.digest);
    expect(await referrers(repository("one"), a)).toEqual([signature.digest]);
    const both = await (
      await gantry.copy(source, `${running.host}/both:1`, { platforms, attached: ["attestations"] })
    ).apply();
    const store = repository("both");
    const { manifests } = parseIndex(await store.manifest(await store.resolve("1")));
    expect(manifests.map(({ digest }) => digest)).toEqual([a.digest, about.digest]);
    expect(both.mediaType).toBe(MEDIA_TYPES.ociIndex);
  });

  it("sparse: the index to the byte, one platform with what speaks of it, and later the rest", async () => {
    const { index, a, b, about, signature } = await platformed();
    const source = `${running.host}/app:1`;
    const sparse = await (
      await gantry.copy(source, "oci:./sparse:1", { platforms: ["linux/amd64"], sparse: true })
    ).apply();
    expect(sparse.digest).toBe(index.digest);
    const has = async ({ digest }: Descriptor) =>
      readFile(join(root, "sparse/blobs/sha256", digest.slice(7))).then(
        () => true,
        () => false,
      );
    expect([await has(index), await has(a), await has(about), await has(signature), await has(b)]).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    await (await gantry.copy(source, "oci:./sparse:1")).apply();
    expect(await has(b)).toBe(true);
    await gantry.validate("oci:./sparse:1");
  });
});

describe("a registry that says to have what it has not", () => {
  it("gets exactly the blobs that it names again, once", async () => {
    const memory = memoryStore();
    const image = await addImage(memory, "a", { layers: 3 });
    const { layers } = parseManifest(await memory.manifest(image));
    const [lost, kept] = [layers[0]!, layers[1]!];
    // Everything but the manifest is there; one blob's file goes, and the door vouches for it all the same.
    const store = repository("app");
    await put(store, image, memory, "old");
    await store.remover!.remove(image);
    await store.remover!.remove(lost);
    let puts = 0;
    door.judge = ({ method, path }) => {
      if (method === "HEAD" && path.endsWith(lost.digest)) return { status: 200 };
      if (method !== "PUT" || !path.includes("/manifests/")) return "pass";
      const errors = [{ code: "MANIFEST_BLOB_UNKNOWN", message: "blob unknown", detail: { digest: lost.digest } }];
      return ++puts === 1 ? { status: 404, body: { errors } } : "pass";
    };
    // The config is small, and sent without asking; layers are asked for.
    const from = { ...memory, locations: () => [] };
    const to = repository("app", door.host);
    const plan = await planCopy(from, image, [{ store: to, tag: "1", name: "app:1" }]);
    const report = await plan.apply();
    const repaired = report.steps.filter(({ placement }) => placement?.how === "repaired");
    expect(repaired.map(({ descriptor }) => descriptor.digest)).toEqual([lost.digest]);
    expect(repaired.map(({ descriptor }) => descriptor.digest)).not.toContain(kept.digest);
    await verifyGraph(store, image);
  });

  it("gets a missing child of an index again, and what that lacks", async () => {
    const memory = memoryStore();
    const image = await addImage(memory, "a");
    const index = await addIndex(memory, [image, await addImage(memory, "b")]);
    const store = repository("app");
    await put(store, image, memory, "a");
    const { layers } = parseManifest(await memory.manifest(image));
    await store.remover!.remove(image);
    await store.remover!.remove(layers[0]!);
    const refused = new Set<string>();
    door.judge = ({ method, path }) => {
      if (method === "HEAD" && path.endsWith(image.digest)) return { status: 200 };
      if (method !== "PUT" || !path.includes("/manifests/")) return "pass";
      const what = path.endsWith("/1") ? "index" : "image";
      const missing = what === "index" ? image : layers[0]!;
      if ((what === "image" && !path.endsWith(image.digest)) || refused.has(what)) return "pass";
      refused.add(what);
      const errors = [{ code: "MANIFEST_BLOB_UNKNOWN", message: "unknown", detail: { digest: missing.digest } }];
      return { status: 400, body: { errors } };
    };
    const to = repository("app", door.host);
    await (await planCopy(memory, index, [{ store: to, tag: "1", name: "app:1" }])).apply();
    expect(refused).toEqual(new Set(["index", "image"]));
    await verifyGraph(store, await store.resolve("1"));
  });

  it("that refuses again is believed", async () => {
    const memory = memoryStore();
    const image = await addImage(memory, "a");
    const errors = [{ code: "MANIFEST_BLOB_UNKNOWN", message: "unknown" }];
    door.judge = ({ method, path }) =>
      method === "PUT" && path.includes("/manifests/") ? { status: 404, body: { errors } } : "pass";
    const plan = await planCopy(memory, image, [{ store: repository("app", door.host), tag: "1", name: "app:1" }]);
    await expect(plan.apply()).rejects.toMatchObject({ code: "BLOB_UNKNOWN", side: "destination" });
    expect(door.log.filter((line) => line.startsWith("PUT") && line.includes("/manifests/")).length).toBe(2);
  });
});

describe("two that update one tag at the same time", () => {
  const rounds = 50;
  const adding = (entry: Descriptor) => (current: CurrentTag | undefined) => {
    const manifests = current === undefined ? [] : parseIndex(current.bytes).manifests;
    if (manifests.some(({ digest }) => digest === entry.digest)) return undefined;
    const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [...manifests, entry] };
    return { bytes: encodeJson(index), mediaType: MEDIA_TYPES.ociIndex };
  };
  const work = async (store: Store, who: string) => {
    for (let round = 0; round < rounds; round++) {
      const digest = digestOf(new TextEncoder().encode(`${who} ${round}`));
      await updateTag(store, "index", adding({ mediaType: MEDIA_TYPES.ociManifest, digest, size: 9 }));
    }
  };
  const entries = async () => {
    const store = repository("app");
    const { manifests } = parseIndex(await store.manifest(await store.resolve("index")));
    return new Set(manifests.map(({ digest }) => digest)).size;
  };

  it("lose nothing at a registry that compares", async () => {
    await Promise.all(["a", "b"].map((who) => work(repository("app", running.host), who)));
    expect(await entries()).toBe(2 * rounds);
  });

  it("lose nothing at one that has neither ETag nor If-Match", async () => {
    for (const header of ["etag", "if-match", "if-none-match"]) door.stripped.add(header);
    await Promise.all(["a", "b"].map((who) => work(repository("app", door.host), who)));
    expect(await entries()).toBe(2 * rounds);
  });
});
