import { expect, test } from "vitest";
import {
  bareMediaType,
  compressionOf,
  familyOf,
  isForeignLayerType,
  isIndexType,
  isLayerType,
  isManifestType,
  layerTypeFor,
  MEDIA_TYPES,
} from "./media-types.js";

test.each([
  ["application/json", "application/json"],
  ["Application/JSON; charset=utf-8", "application/json"],
  [" text/plain ;q=1;x=2", "text/plain"],
  ["", ""],
  [";", ""],
])("%j without its parameters is %j", (value, bare) => {
  expect(bareMediaType(value)).toBe(bare);
});

test("every type is exactly one of manifest, index, layer, or none of them", () => {
  const kinds = Object.entries(MEDIA_TYPES).map(([name, type]) => [
    name,
    [isManifestType(type) && "manifest", isIndexType(type) && "index", isLayerType(type) && "layer"].filter(Boolean),
  ]);
  expect(Object.fromEntries(kinds)).toEqual({
    ociManifest: ["manifest"],
    ociIndex: ["index"],
    ociConfig: [],
    ociEmpty: [],
    ociLayer: ["layer"],
    ociLayerGzip: ["layer"],
    ociLayerZstd: ["layer"],
    ociForeignLayer: ["layer"],
    ociForeignLayerGzip: ["layer"],
    ociForeignLayerZstd: ["layer"],
    dockerManifest: ["manifest"],
    dockerList: ["index"],
    dockerConfig: [],
    dockerLayer: ["layer"],
    dockerLayerGzip: ["layer"],
    dockerForeignLayer: ["layer"],
    dockerForeignLayerGzip: ["layer"],
    dockerSchema1: [],
    dockerSchema1Signed: [],
  });
});

test("a layer's type says its family and compression, and is made of them", () => {
  for (const family of ["oci", "docker"] as const)
    for (const compression of ["none", "gzip", "zstd"] as const) {
      if (family === "docker" && compression === "zstd") continue;
      const type = layerTypeFor(family, compression);
      expect([familyOf(type), compressionOf(type), isForeignLayerType(type)]).toEqual([family, compression, false]);
    }
  expect(compressionOf(MEDIA_TYPES.ociForeignLayerZstd)).toBe("zstd");
  expect(isForeignLayerType(MEDIA_TYPES.dockerForeignLayerGzip)).toBe(true);
});
