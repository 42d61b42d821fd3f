import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { blobCases } from "./blob-cases.js";
import { dataSetCases } from "./data-sets.js";
import { releasedCases } from "./released-cases.js";
import { specCases } from "./spec-cases.js";
import { run } from "./steps.js";

let root: string;
let registry: RunningRegistry;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-conformance-"));
  registry = await serve({ root, durable: false });
});

afterAll(async () => {
  await registry.close();
  await rm(root, { recursive: true, force: true });
});

// Each suite's cases, restated as data; docs/conformance.md says how to run the originals.
describe.each([
  ["1.1+dev", [...blobCases("sha256"), ...blobCases("sha512"), ...dataSetCases()]],
  ["1.1.1", releasedCases()],
  ["the text", specCases()],
])("distribution-spec, %s", (_, cases) => {
  test.each(cases.map((one, at) => [one.name, one.steps, at] as const))("%s", async (name, steps, at) => {
    const own = `c/${name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-|-$/g, "")
      .slice(0, 80)}-${at}`;
    await run(registry.host, steps, [`${own}/r1`, `${own}/r2`]);
  });
});
