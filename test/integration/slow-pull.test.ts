import { expect, test } from "vitest";
import { serve } from "../../src/server/index.js";
import { faultsInLayout, writeImage } from "../faults/image.js";
import { startSlowLink } from "../support/slow-link.mjs";
import { Sandbox } from "./gantry-cli.js";

const MIB = 1024 * 1024;

test("a large blob over slow connections comes over several, and right", { timeout: 120_000 }, async () => {
  await using sandbox = await Sandbox.create();
  const image = await writeImage(sandbox.path("image"), [144 * MIB]);
  const registry = await serve({ root: sandbox.path("registry"), durable: false });
  const slow = await startSlowLink(registry.host, { downEach: 18 * MIB });
  try {
    await sandbox.ok(["copy", "-q", `oci:${image.layout}:latest`, `${registry.host}/demo/app:1`]);
    const pulled = sandbox.path("pulled");
    const report = await sandbox.ok(["copy", "-q", "--json", `${slow.host}/demo/app:1`, `oci:${pulled}:1`]);
    expect(await faultsInLayout(pulled, image)).toEqual([]);
    // Six for the questions, the documents and the first answer; the trial alone is as many again.
    expect((JSON.parse(report) as { requests: number }).requests).toBeGreaterThanOrEqual(12);
  } finally {
    await slow.stop();
    await registry.close();
  }
});
