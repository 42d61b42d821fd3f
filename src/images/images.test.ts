import { beforeEach, describe, expect, test } from "vitest";
import { memoryStore, overlayStore, type MemoryStore, verifyGraph } from "../content/index.js";
import {
  type Descriptor,
  encodeJson,
  type Family,
  type ImageConfig,
  layerTypeFor,
  type Manifest,
  MEDIA_TYPES,
  parseIndex,
  parseManifest,
  type Platform,
} from "../spec/index.js";
import { bytesBody, digestOf } from "../streams/index.js";
import {
  annotate,
  appendLayers,
  convertFamily,
  createIndex,
  editConfig,
  type ImageView,
  type IndexView,
  mapImages,
  materialise,
  type NewLayer,
  openView,
  scratch,
  withPlatform,
} from "./index.js";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM: Platform = { os: "linux", architecture: "arm", variant: "v7" };
const text = (value: string) => new TextEncoder().encode(value);

function newLayer(content: string, mediaType: string = MEDIA_TYPES.ociLayerGzip): NewLayer {
  const bytes = text(content);
  return {
    descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength },
    diffId: digestOf(text(`${content} as tar`)),
    content: { body: bytesBody(bytes) },
    history: { created: "2020-01-01T00:00:00Z", created_by: content },
  };
}

/** A base as somebody else wrote it: pretty-printed, with fields that gantry does not know. */
async function putBase(store: MemoryStore, family: Family, platform: Platform = AMD64): Promise<Descriptor> {
  const oci = family === "oci";
  const put = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> =>
    (await store.writer.putBlob({ mediaType }, bytesBody(bytes))).descriptor;
  const layer = await put(text(`base layer of ${platform.architecture}`), layerTypeFor(family, "gzip"));
  const config = {
    "x.vendor": { kept: [1, 2] },
    ...platform,
    config: { Env: ["PATH=/bin"], "X-Unknown": true },
    rootfs: { type: "layers", diff_ids: [digestOf(text("base tar"))] },
    history: [{ created_by: "base" }, { created_by: "ENV", empty_layer: true }],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: oci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest,
    "x-unknown": "kept",
    config: await put(encodeJson(config), oci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig),
    layers: [layer],
  };
  const bytes = text(JSON.stringify(manifest, null, 3));
  const descriptor = { mediaType: manifest.mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.writer.putManifest(bytes, descriptor);
  return descriptor;
}

let store: MemoryStore;
beforeEach(() => {
  store = memoryStore();
});
const open = async (family: Family, platform?: Platform) =>
  openView(store, await putBase(store, family, platform)) as ImageView;

describe("a view", () => {
  test("of what nobody edits keeps every byte", async () => {
    const root = await putBase(store, "oci");
    const overlay = overlayStore();
    expect(await materialise(openView(store, root), overlay)).toMatchObject(root);
    expect(await overlay.manifest(root)).toEqual(await store.manifest(root));
  });

  test("reads nothing before it is asked, and everything once", async () => {
    const root = await putBase(store, "oci");
    const reads: string[] = [];
    const counting = {
      ...store,
      manifest: async (d: Descriptor) => (reads.push("manifest"), store.manifest(d)),
      blob: (d: Descriptor) => (reads.push(d.mediaType), store.blob(d)),
    };
    const view = appendLayers(openView(counting, root) as ImageView, [newLayer("a")]);
    expect(reads).toEqual([]);
    await view.manifest();
    await view.descriptor();
    await materialise(annotate(view, { a: "b" }), overlayStore());
    expect(reads).toEqual(["manifest", MEDIA_TYPES.ociConfig]);
  });

  test("refuses what is no image", () => {
    expect(() => openView(store, { mediaType: "text/plain", digest: digestOf(text("")), size: 0 })).toThrow(
      /no image and no index/,
    );
  });
});

describe("appended layers", () => {
  test.each<Family>(["oci", "docker"])("are of the image's family: %s", async (family) => {
    const view = appendLayers(await open(family), [newLayer("a"), newLayer("b", MEDIA_TYPES.dockerLayer)]);
    const overlay = overlayStore();
    const root = await materialise(view, overlay);
    const manifest = parseManifest(await overlay.manifest(root), root.mediaType) as Manifest & Record<string, unknown>;
    expect(manifest.layers.map((layer) => layer.mediaType)).toEqual([
      layerTypeFor(family, "gzip"),
      layerTypeFor(family, "gzip"),
      layerTypeFor(family, "none"),
    ]);
    expect(manifest["x-unknown"]).toBe("kept");
    const config = (await view.config()) as ImageConfig & Record<string, unknown>;
    expect(config["x.vendor"]).toEqual({ kept: [1, 2] });
    expect(config.rootfs.diff_ids).toHaveLength(3);
    expect(config.history?.map((entry) => entry.created_by)).toEqual(["base", "ENV", "a", "b"]);
    await verifyGraph(overlay, root);
  });

  test("of zstd do not go on Docker's images", async () => {
    const view = appendLayers(await open("docker"), [newLayer("a", MEDIA_TYPES.ociLayerZstd)]);
    await expect(view.descriptor()).rejects.toMatchObject({ code: "UNSUPPORTED" });
    const converted = appendLayers(convertFamily(await open("docker"), "oci"), [
      newLayer("a", MEDIA_TYPES.ociLayerZstd),
    ]);
    expect((await converted.layers()).map((layer) => layer.mediaType)).toEqual([
      MEDIA_TYPES.ociLayerGzip,
      MEDIA_TYPES.ociLayerZstd,
    ]);
  });

  test("do not take over the base's part of the history", async () => {
    const bare = editConfig(await open("oci"), ({ history: _history, ...config }) => config);
    const { history } = await appendLayers(bare, [newLayer("a")]).config();
    expect(history).toEqual([{}, { created: "2020-01-01T00:00:00Z", created_by: "a" }]);
  });
});

describe("edits", () => {
  test("give the same one by one as together, and after a round through a store", async () => {
    const [a, b] = [newLayer("a"), newLayer("b")];
    const view = await open("oci");
    const together = await appendLayers(view, [a, b]).descriptor();
    const overlay = overlayStore();
    const half = await materialise(appendLayers(view, [a]), overlay);
    expect(await appendLayers(appendLayers(view, [a]), [b]).descriptor()).toEqual(together);
    expect(await appendLayers(openView(overlay, half) as ImageView, [b]).descriptor()).toEqual(together);
  });

  test("can be asked again after a failure", async () => {
    const root = await putBase(store, "oci");
    let failures = 1;
    const flaky = {
      ...store,
      manifest: async (d: Descriptor) => {
        if (failures-- > 0) throw new Error("no network");
        return await store.manifest(d);
      },
    };
    const view = annotate(openView(flaky, root) as ImageView, { a: "b" });
    await expect(view.descriptor()).rejects.toThrow("no network");
    expect((await view.manifest()).annotations).toBeDefined();
  });

  test("answer new views and leave the old one alone", async () => {
    const view = await open("oci");
    const before = await view.descriptor();
    const edited = annotate(
      editConfig(view, (config) => ({ ...config, author: "me" })),
      { k: "v", __proto__: undefined },
    );
    expect((await edited.config()).author).toBe("me");
    expect((await edited.manifest()).annotations).toEqual(Object.assign(Object.create(null), { k: "v" }));
    expect(await view.descriptor()).toEqual(before);
    expect((await view.config()).author).toBeUndefined();
  });

  test("take annotations away, and can set one named __proto__", async () => {
    const view = annotate(await open("oci"), JSON.parse('{"__proto__":"x","b":"y"}') as Record<string, string>);
    const after = annotate(view, { b: undefined });
    expect(JSON.stringify((await after.manifest()).annotations)).toBe('{"__proto__":"x"}');
  });

  test("change the platform as a whole", async () => {
    const view = withPlatform(await open("oci", ARM), AMD64);
    expect(await view.platform()).toEqual(AMD64);
    expect((await view.descriptor()).platform).toEqual(AMD64);
  });

  test("convert there and back", async () => {
    const view = await open("docker");
    const back = convertFamily(convertFamily(view, "oci"), "docker");
    expect(await back.manifest()).toEqual(await view.manifest());
    expect(await convertFamily(view, "docker").descriptor()).toEqual(await view.descriptor());
  });
});

describe("an index", () => {
  test("names its images in order, with platform and annotations", async () => {
    const images = [await open("oci"), await open("oci", ARM)];
    const index = createIndex(images, { annotations: { a: "b" } });
    const overlay = overlayStore();
    const root = await materialise(index, overlay);
    const value = parseIndex(await overlay.manifest(root), root.mediaType);
    expect(value.manifests.map((entry) => entry.platform)).toEqual([AMD64, ARM]);
    expect(value.annotations).toEqual({ a: "b" });
    expect(value.mediaType).toBe(MEDIA_TYPES.ociIndex);
    await verifyGraph(overlay, root);
  });

  test("is the same when no image changes, and drops attestations of images that do", async () => {
    const amd64 = await putBase(store, "oci");
    const arm = await putBase(store, "oci", ARM);
    const attestation = (of: Descriptor): Descriptor => ({
      ...of,
      digest: digestOf(text(`attestation of ${of.digest}`)),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.digest },
    });
    const bytes = text(
      JSON.stringify(
        {
          schemaVersion: 2,
          mediaType: MEDIA_TYPES.ociIndex,
          manifests: [
            { ...amd64, platform: AMD64, annotations: { kept: "yes" } },
            { ...arm, platform: ARM },
            attestation(amd64),
            attestation(arm),
          ],
        },
        null,
        1,
      ),
    );
    const root = { mediaType: MEDIA_TYPES.ociIndex, digest: digestOf(bytes), size: bytes.byteLength };
    await store.writer.putManifest(bytes, root);
    const index = openView(store, root);
    expect((await mapImages(index, (image) => image).descriptor()).digest).toBe(root.digest);

    const edited = mapImages(index, async (image) =>
      (await image.platform()).architecture === "arm"
        ? image
        : editConfig(image, (config) => ({ ...config, author: "me" })),
    ) as IndexView;
    const { manifests } = await edited.index();
    expect(manifests.map((entry) => entry.platform?.architecture)).toEqual(["amd64", "arm", "unknown"]);
    expect(manifests[0]?.annotations).toEqual({ kept: "yes" });
    expect(manifests[0]?.digest).not.toBe(amd64.digest);
    expect(manifests[1]?.digest).toBe(arm.digest);
    expect(manifests[2]?.annotations?.["vnd.docker.reference.digest"]).toBe(arm.digest);
  });
});

test("scratch is an image of its platform with nothing in it", async () => {
  for (const family of ["oci", "docker"] as const) {
    const overlay = overlayStore();
    const root = await materialise(appendLayers(scratch(ARM, family), [newLayer("a")]), overlay);
    expect(root.platform).toEqual(ARM);
    await verifyGraph(overlay, root);
  }
});
