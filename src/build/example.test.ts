import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { memoryStore, verifyGraph } from "../content/index.js";
import { parseManifest } from "../spec/index.js";
import { gunzip, readTar } from "../streams/index.js";
import { buildImages, memoryLayerCache, readPlanFile } from "./index.js";

test("examples/build-node-app builds: two platforms that share their layers, without maps and tests", async () => {
  const file = fileURLToPath(new URL("../../examples/build-node-app/gantry.yaml", import.meta.url));
  const plan = await readPlanFile(file, { vars: { HELLO_BASE: "scratch", HELLO_REGISTRY: "registry.example.com" } });
  const [image] = await buildImages(plan, {
    cache: memoryLayerCache(memoryStore()),
    resolveBase: () => Promise.reject(new Error("scratch has no base")),
  });
  expect(image?.tags).toEqual(["registry.example.com/demo/hello:1.0.0", "registry.example.com/demo/hello:latest"]);
  await verifyGraph(image!.store, image!.root);
  const manifests = await Promise.all(
    image!.platforms.map(async ({ descriptor }) => parseManifest(await image!.store.manifest(descriptor))),
  );
  expect(manifests[0]!.layers).toEqual(manifests[1]!.layers);
  const names: string[] = [];
  for await (const entry of readTar(gunzip(image!.store.blob(manifests[0]!.layers[1]!).open()))) names.push(entry.name);
  expect(names).toEqual(["app/", "app/lib/", "app/lib/greeting.js", "app/lib/health.js", "app/main.js"]);
});
