import { describe, expect, test } from "vitest";
import { type Descriptor, encodeJson, MEDIA_TYPES, parseManifest, type RepositoryName } from "../spec/index.js";
import { bytesBody, readAll } from "../streams/index.js";
import { memoryStore } from "./memory-store.js";
import { type LowerReader, overlayStore } from "./overlay-store.js";
import { descriptorOf, putImage, putIndex, utf8 } from "./sample.test-support.js";
import { verifyGraph } from "./verify.js";
import { children } from "./walk.js";

const app: RepositoryName = { host: "localhost:5000", repository: "demo/app" };
const base: RepositoryName = { host: "localhost:5000", repository: "demo/base" };

describe("an overlay", () => {
  test("reads its own content first and what it has not from below", async () => {
    const lower = memoryStore();
    const image = await putImage(lower, { layers: ["old"] });
    const overlay = overlayStore();
    overlay.under(lower, image);
    const manifest = parseManifest(await overlay.manifest(image));
    const layer = overlay.addBytes(utf8("new"), MEDIA_TYPES.ociLayer);
    const edited = overlay.addDocument(
      encodeJson({ ...manifest, layers: [...manifest.layers, layer] }),
      MEDIA_TYPES.ociManifest,
    );
    expect(await verifyGraph(overlay, edited)).toMatchObject({ nodes: 4 });
    expect(await overlay.exists(layer)).toBe(true);
    expect(await lower.exists(layer)).toBe(false);
    expect(await overlay.resolve(edited.digest)).toEqual(edited);
    expect(await overlay.resolve(image.digest)).toEqual(image);
  });

  test("one note about a root is enough for its whole graph", async () => {
    const lower = memoryStore();
    const root = await putIndex(lower, [await putImage(lower), await putImage(lower, { layers: ["x", "y"] })]);
    const overlay = overlayStore();
    overlay.under(lower, root);
    expect(await verifyGraph(overlay, root)).toEqual(await verifyGraph(lower, root));
  });

  test("knows in which repositories content lies, each once", async () => {
    const lower = memoryStore();
    const image = await putImage(lower);
    const readers: LowerReader[] = [
      { ...lower, repository: app },
      { ...lower, locations: () => [base, app] },
    ];
    const overlay = overlayStore();
    for (const reader of readers) overlay.under(reader, image);
    expect(overlay.locations(image)).toEqual([app, base]);
    const own = overlay.addBytes(utf8("new"), MEDIA_TYPES.ociLayer);
    expect(overlay.locations(own)).toEqual([]);
    await overlay.manifest(image);
    const [config] = await children(lower, image);
    expect(overlay.locations(config!)).toEqual([app]);
    const above = overlayStore();
    above.under(overlay, image);
    expect(above.locations(image)).toEqual([app, base]);
  });

  test("asks the next reader when one has lost it", async () => {
    const [empty, full] = [memoryStore(), memoryStore()];
    const image = await putImage(full, { layers: ["kept"] });
    const [, layer] = await children(full, image);
    const overlay = overlayStore();
    overlay.under(empty, image, layer!);
    overlay.under(full, image, layer!);
    expect(await overlay.manifest(image)).toEqual(await full.manifest(image));
    expect(await readAll(overlay.blob(layer!).open(), 100)).toEqual(utf8("kept"));
    expect(await overlay.exists(layer!)).toBe(true);
  });

  test("opens a body only when it is read, and checks it then", async () => {
    const overlay = overlayStore();
    const layer = descriptorOf(utf8("promised"), MEDIA_TYPES.ociLayer);
    overlay.addBlob(layer, bytesBody(utf8("deliverd")));
    await expect(readAll(overlay.blob(layer).open(), 100)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    overlay.addBlob(layer, bytesBody(utf8("promised")));
    expect(await readAll(overlay.blob(layer).open({ start: 4 }), 100)).toEqual(utf8("ised"));
  });

  test("refuses what it does not know, tags, and documents that do not parse", async () => {
    const overlay = overlayStore({ location: "overlay:test" });
    const blob: Descriptor = descriptorOf(utf8("x"), MEDIA_TYPES.ociLayer);
    const document: Descriptor = { ...blob, mediaType: MEDIA_TYPES.ociManifest };
    await expect(readAll(overlay.blob(blob).open(), 10)).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
      where: "overlay:test",
    });
    await expect(overlay.manifest(document)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    await expect(overlay.resolve(blob.digest)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    await expect(overlay.resolve("latest")).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    expect(await overlay.exists(blob)).toBe(false);
    expect(() => overlay.addDocument(utf8("{}"), MEDIA_TYPES.ociManifest)).toThrow(/invalid manifest/);
  });
});
