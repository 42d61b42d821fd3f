import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { serve } from "../../src/server/index.js";
import { faultsInRegistry, writeImage } from "../faults/image.js";
import { seeded } from "../faults/rules.js";
import { startSlowLink } from "../support/slow-link.mjs";
import { Sandbox } from "./gantry-cli.js";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const KILLS = 8;

/** Entries of uploads that a run has noted. */
const noted = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

test("a push that is killed eight times goes on each time where it stopped", { timeout: 180_000 }, async () => {
  await using sandbox = await Sandbox.create();
  const image = await writeImage(sandbox.path("image"), [SIZE]);
  const registry = await serve({ root: sandbox.path("registry"), durable: false });
  const link = await startSlowLink(registry.host, { up: 16 * MIB });
  const env = { GANTRY_DATA_DIR: sandbox.path("data"), XDG_CACHE_HOME: sandbox.path("xdg") };
  const args = ["copy", "--quiet", `oci:${image.layout}:latest`, `${link.host}/demo/app:1`];
  try {
    const random = seeded(8);
    let killed = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const ran = await sandbox.run(args, {
        env,
        // Counted in bytes, not in seconds: how fast this machine starts a process does not matter.
        running: (child) => link.afterUp(Math.ceil(random() * (SIZE / 6)), () => child.kill("SIGKILL")),
      });
      if (ran.signal === "SIGKILL") killed += 1;
      else expect(ran).toMatchObject({ code: 0 });
    }
    expect(killed).toBeGreaterThan(4);
    link.afterUp(Number.POSITIVE_INFINITY, () => {});
    expect(await sandbox.run(args, { env })).toMatchObject({ code: 0 });
    expect(await faultsInRegistry(registry.url, "demo/app:1", image)).toEqual([]);
    expect(link.bytes.up / image.bytes).toBeLessThanOrEqual(1.5);
    expect(await noted(sandbox.path("xdg/gantry/uploads"))).toEqual([]);
  } finally {
    await link.stop();
    await registry.close();
  }
});
