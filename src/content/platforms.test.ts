import { describe, expect, test } from "vitest";
import { type Descriptor, MEDIA_TYPES, parsePlatform } from "../spec/index.js";
import { memoryStore, type MemoryStore } from "./memory-store.js";
import { choosePlatform, listPlatforms } from "./platforms.js";
import { putBlob, putDocument, putImage, putIndex } from "./sample.test-support.js";

async function entry(store: MemoryStore, platform: string): Promise<Descriptor> {
  const value = parsePlatform(platform);
  return { ...(await putImage(store, { layers: [platform], platform: value })), platform: value };
}

describe("choosePlatform", () => {
  test("finds the exact one, also in a nested index, and where only the config says it", async () => {
    const store = memoryStore();
    const amd64 = await entry(store, "linux/amd64");
    const nested = await putIndex(store, [await entry(store, "linux/arm/v6"), await entry(store, "linux/arm/v7")]);
    const silent = await putImage(store, { platform: { os: "linux", architecture: "riscv64" } });
    const root = await putIndex(store, [amd64, nested, silent]);
    expect(await choosePlatform(store, root, parsePlatform("linux/amd64"))).toEqual(amd64);
    expect((await choosePlatform(store, root, parsePlatform("linux/arm"))).platform).toEqual(
      parsePlatform("linux/arm/v7"),
    );
    expect(await choosePlatform(store, root, parsePlatform("linux/riscv64"))).toEqual(silent);
  });

  test("takes the newest older variant, never a newer one", async () => {
    const store = memoryStore();
    const root = await putIndex(store, [await entry(store, "linux/arm/v5"), await entry(store, "linux/arm/v6")]);
    const chosen = await choosePlatform(store, root, parsePlatform("linux/arm/v7"));
    expect(chosen.platform?.variant).toBe("v6");
    const newer = await putIndex(store, [await entry(store, "linux/arm/v7")]);
    await expect(choosePlatform(store, newer, parsePlatform("linux/arm/v6"))).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
    });
  });

  test("passes attestations over, and says what is there", async () => {
    const store = memoryStore();
    const unknown = { os: "unknown", architecture: "unknown" };
    const image = await entry(store, "linux/amd64");
    const marked = {
      ...(await entry(store, "linux/arm64")),
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    };
    const root = await putIndex(store, [{ ...image, platform: unknown }, marked, image]);
    expect((await listPlatforms(store, root)).map((found) => found.descriptor)).toEqual([image]);
    await expect(choosePlatform(store, root, parsePlatform("linux/arm64"))).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      message: "no image for linux/arm64",
      hint: "Platforms there: linux/amd64.",
    });
  });

  test("of one image, its config decides; an artifact is its own choice", async () => {
    const store = memoryStore();
    const image = await putImage(store, { platform: { os: "linux", architecture: "arm64", variant: "v8" } });
    expect(await choosePlatform(store, image, parsePlatform("linux/arm64"))).toEqual(image);
    await expect(choosePlatform(store, image, parsePlatform("linux/amd64"))).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
    });
    const config = await putBlob(store, "{}", MEDIA_TYPES.ociEmpty);
    const chart = await putDocument(store, { schemaVersion: 2, config, layers: [] }, MEDIA_TYPES.ociManifest);
    expect(await choosePlatform(store, chart, parsePlatform("linux/amd64"))).toEqual(chart);
    expect(await listPlatforms(store, chart)).toEqual([{ descriptor: chart, platform: undefined }]);
  });

  test("an index of indexes without end is refused", async () => {
    const store = memoryStore();
    let root = await putIndex(store, []);
    for (let level = 0; level < 17; level++) root = await putIndex(store, [root]);
    await expect(listPlatforms(store, root)).rejects.toMatchObject({ code: "INDEX_TOO_DEEP" });
  });
});
