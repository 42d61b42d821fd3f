import { describe, expect, test } from "vitest";
import { parseDocument } from "./document.js";
import { parseIndex } from "./image-index.js";
import { encodeJson } from "./json.js";
import { parseManifest } from "./manifest.js";
import { MEDIA_TYPES } from "./media-types.js";

const digest = `sha256:${"a".repeat(64)}`;
const config = { mediaType: MEDIA_TYPES.ociConfig, digest, size: 2 };
const layer = { mediaType: MEDIA_TYPES.ociLayerGzip, digest, size: 10 };
const image = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: [layer] };
const entry = { mediaType: MEDIA_TYPES.ociManifest, digest, size: 10 };
const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [entry] };
const parse = (value: unknown, mediaType?: string) => parseDocument(encodeJson(value), mediaType);
const without = (value: object, key: string) => Object.fromEntries(Object.entries(value).filter(([k]) => k !== key));

describe("parseDocument reads", () => {
  test("the four kinds", () => {
    expect(parse(image)).toMatchObject({ kind: "manifest", mediaType: MEDIA_TYPES.ociManifest, value: image });
    expect(parse(index)).toMatchObject({ kind: "index", mediaType: MEDIA_TYPES.ociIndex, value: index });
    expect(parse({ ...image, mediaType: MEDIA_TYPES.dockerManifest }).kind).toBe("manifest");
    expect(parse({ ...index, mediaType: MEDIA_TYPES.dockerList }).kind).toBe("index");
  });

  test("without its own media type, by what it was called, and without both by its shape", () => {
    const bare = without(image, "mediaType");
    expect(parse(bare, `${MEDIA_TYPES.dockerManifest}; charset=utf-8`).mediaType).toBe(MEDIA_TYPES.dockerManifest);
    expect(parse(bare).mediaType).toBe(MEDIA_TYPES.ociManifest);
    expect(parse(without(index, "mediaType")).mediaType).toBe(MEDIA_TYPES.ociIndex);
  });

  test.each(["application/json", "text/plain; charset=utf-8", "application/octet-stream", ""])(
    "under a header that says nothing (%s), by what it calls itself",
    (header) => expect(parse(image, header).mediaType).toBe(MEDIA_TYPES.ociManifest),
  );

  test("null as absence, as Go's tools write it", () => {
    const value = parseManifest(
      encodeJson({
        ...image,
        annotations: null,
        subject: null,
        layers: [{ ...layer, urls: null, annotations: null, platform: null }],
      }),
    );
    expect(value).toEqual(image);
    expect(parseManifest(encodeJson({ ...image, layers: null })).layers).toEqual([]);
    expect(parseIndex(encodeJson({ ...index, manifests: null })).manifests).toEqual([]);
    expect(
      parseIndex(encodeJson({ ...index, manifests: [{ ...entry, platform: {} }] })).manifests[0]?.platform,
    ).toEqual({ os: "", architecture: "" });
  });

  test("unknown fields, and keeps them", () => {
    const odd = { ...image, "com.example": { Deep: [1] }, layers: [{ ...layer, extra: true }] };
    expect(parse(odd).value).toEqual(odd);
  });

  test("sha512", () => {
    const long = `sha512:${"b".repeat(128)}`;
    expect(parse({ ...image, config: { ...config, digest: long } }).value).toMatchObject({ config: { digest: long } });
  });
});

describe("parseDocument refuses", () => {
  test.each<[string, unknown, RegExp]>([
    ["not an object", [], /it is not an object/],
    ["both shapes (D32)", { ...image, manifests: [] }, /an image and an index at once/],
    ["both shapes with null", { ...image, manifests: null }, /an image and an index at once/],
    ["an image that calls itself an index", { ...image, mediaType: MEDIA_TYPES.ociIndex }, /calls itself an index/],
    ["an index that calls itself an image", { ...index, mediaType: MEDIA_TYPES.ociManifest }, /calls itself an image/],
    ["neither shape", { schemaVersion: 2 }, /neither manifests nor layers/],
    ["no layers", without(image, "layers"), /layers is missing/],
    ["no config", without(image, "config"), /config is missing/],
    ["a null config", { ...image, config: null }, /config is missing/],
    ["no schemaVersion", without(image, "schemaVersion"), /schemaVersion is missing/],
    ["another schemaVersion", { ...image, schemaVersion: 3 }, /schemaVersion is not 2/],
    ["layers that are no list", { ...image, layers: {} }, /layers is not a list/],
    ["a null layer", { ...image, layers: [null] }, /layers\[0\] is not an object/],
    [
      "an unknown media type",
      { ...image, mediaType: "application/x" },
      /"application\/x" is not one that gantry reads/,
    ],
    ["Layers beside layers (D25)", { ...image, Layers: [] }, /Layers is a case-variant of the known key "layers"/],
    ["Layers instead", { ...without(image, "layers"), Layers: [layer] }, /layers is missing|case-variant/],
    ["MediaType", { ...image, MediaType: "x" }, /MediaType is a case-variant/],
    ["Manifests in an image", { ...image, MANIFESTS: [] }, /MANIFESTS is a case-variant/],
    ["Config in an index", { ...index, Config: config }, /Config is a case-variant/],
    ["a long s, which Go folds to s", { ...image, "layer\u017f": [] }, /case-variant/],
    ["Digest in a layer", { ...image, layers: [{ ...layer, Digest: digest }] }, /layers\[0\]\.Digest is a case/],
    ["Size in a layer", { ...image, layers: [layer, { ...layer, Size: 1 }] }, /layers\[1\]\.Size is a case-variant/],
    [
      "OS in a platform",
      { ...index, manifests: [{ ...entry, platform: { OS: "x" } }] },
      /manifests\[0\]\.platform\.OS/,
    ],
  ])("%s", (_, value, why) => {
    expect(() => parse(value)).toThrow(expect.objectContaining({ code: "MANIFEST_INVALID" }));
    expect(() => parse(value)).toThrow(why);
  });

  test.each<[string, object, string]>([
    ["a path as digest (D33)", { digest: "sha256:../../x" }, 'layers[1].digest is not a digest ("sha256:../../x")'],
    ["an upper-case digest", { digest: digest.toUpperCase() }, "layers[1].digest is not a digest"],
    ["a short digest", { digest: "sha256:abc" }, "layers[1].digest is not a digest"],
    ["an unknown algorithm", { digest: `md5:${"a".repeat(32)}` }, "layers[1].digest is not a digest"],
    ["a digest with a line end", { digest: `${digest}\n` }, "layers[1].digest is not a digest"],
    ["a negative size (D34)", { size: -1 }, "layers[1].size is not a size (-1)"],
    ["a broken size", { size: 1.5 }, "layers[1].size is not a size (1.5)"],
    ["a size as text", { size: "10" }, "layers[1].size is not a size"],
    ["a size beyond counting", { size: 2 ** 53 }, "layers[1].size is not a size"],
    ["a missing size", { size: null }, "layers[1].size is missing"],
    ["an empty media type", { mediaType: "" }, "layers[1].mediaType is empty"],
    ["annotations of numbers", { annotations: { a: 1 } }, 'layers[1].annotations["a"] is not a string'],
    ["urls of numbers", { urls: ["x", 1] }, "layers[1].urls[1] is not a string"],
  ])("a descriptor with %s, and names the path", (_, change, why) => {
    expect(() => parse({ ...image, layers: [layer, { ...layer, ...change }] })).toThrow(`invalid manifest: ${why}`);
    expect(() => parse({ ...image, subject: { ...entry, ...change } })).toThrow(why.replace("layers[1]", "subject"));
    expect(() => parse({ ...image, config: { ...config, ...change } })).toThrow(why.replace("layers[1]", "config"));
    const entries = { ...index, manifests: [entry, { ...entry, ...change }] };
    expect(() => parse(entries)).toThrow(why.replace("layers", "manifests"));
  });

  test("a header that contradicts it (D31)", () => {
    expect(() => parse(image, MEDIA_TYPES.ociIndex)).toThrow(/calls itself .* and was named/);
    expect(() => parse(image, MEDIA_TYPES.dockerManifest)).toThrow(/calls itself .* and was named/);
  });

  test("doubled layers (D24)", () => {
    const text = JSON.stringify(image).replace(/}$/, ',"layers":[]}');
    expect(() => parseDocument(new TextEncoder().encode(text))).toThrow(/key "layers" twice/);
  });

  test.each([
    [{ schemaVersion: 1, name: "a", fsLayers: [] }, undefined],
    [{ schemaVersion: 1, mediaType: MEDIA_TYPES.dockerSchema1 }, undefined],
    [{ schemaVersion: 1 }, MEDIA_TYPES.dockerSchema1Signed],
  ])("schema 1, by its name", (value, header) => {
    expect(() => parse(value, header)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
  });

  test("the one kind where the other is needed", () => {
    expect(() => parseManifest(encodeJson(index))).toThrow("it is an index, where an image is needed");
    expect(() => parseIndex(encodeJson(image))).toThrow("it is an image, where an index is needed");
  });
});
