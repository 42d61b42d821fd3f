import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CountingProxy, startCountingProxy } from "./counting-proxy.mjs";
import { gantry, gantryReport } from "./gantry.js";
import { needs } from "./needs.js";
import { removeFolder, temporaryFolder } from "./processes.js";
import { type RegistryKind, startRegistry, type TestRegistry } from "./registries.js";

// How many requests a push costs, counted on the wire: every one is a round trip that a build in CI waits for, and one
// less against a rate limit. The command's own count has to be the same.
for (const kind of ["gantry", "docker-registry", "registry", "zot"] satisfies RegistryKind[]) {
  const there = kind === "gantry" ? { skip: false } : needs([kind]);
  describe.skipIf(there.skip)(`requests to ${kind}`, () => {
    let registry: TestRegistry;
    let proxy: CountingProxy;
    let work: string;
    let env: Record<string, string>;
    const source = "local:bench/five:1";
    beforeAll(async () => {
      work = temporaryFolder();
      // A home of its own: what gantry remembers of this registry has to come from this test.
      const home = join(work, "home");
      env = { HOME: home, XDG_DATA_HOME: join(home, "data"), XDG_CACHE_HOME: join(home, "cache") };
      registry = await startRegistry(kind);
      proxy = await startCountingProxy(registry.host);
      const layers = [1, 2, 3, 4, 5].map((n) => {
        mkdirSync(join(work, `layer-${n}`));
        writeFileSync(join(work, `layer-${n}`, `file-${n}`), `${n}`.repeat(10_000 * n));
        return { files: { [`./layer-${n}`]: "/" } };
      });
      const plan = { images: [{ name: "five", platforms: ["linux/amd64"], layers, tags: [source] }] };
      writeFileSync(join(work, "gantry.yaml"), JSON.stringify(plan));
      await gantry(["build", "-f", join(work, "gantry.yaml"), "-t", source], { env });
    });
    afterAll(async () => {
      await proxy?.stop();
      await registry?.stop();
      removeFolder(work);
    });

    const cases: { what: string; limit: number; args: () => string[] }[] = [
      { what: "a first push of five layers", limit: 20, args: () => ["push", source, `${proxy.host}/bench/five:1`] },
      { what: "the same to the same tag", limit: 1, args: () => ["push", source, `${proxy.host}/bench/five:1`] },
      { what: "the same to a new tag", limit: 2, args: () => ["push", source, `${proxy.host}/bench/five:2`] },
      { what: "the same to another repository", limit: 9, args: () => ["push", source, `${proxy.host}/bench/other:1`] },
      {
        what: "a new tag for what is there",
        limit: 3,
        args: () => ["copy", `${proxy.host}/bench/five:1`, `${proxy.host}/bench/five:3`],
      },
    ];
    for (const { what, limit, args } of cases) {
      test(`${what}: at most ${limit}`, async () => {
        proxy.reset();
        const report = await gantryReport(args(), { env });
        expect(report.destinations.map(({ status }) => status)).not.toContain("failed");
        console.log(`${kind}, ${what}: ${proxy.requests.length} requests`);
        expect(proxy.requests.length, proxy.requests.join("\n")).toBeLessThanOrEqual(limit);
        expect(report.requests).toBe(proxy.requests.length);
      });
    }

    test("on a machine that remembers nothing, the same to the same tag: at most 1", async () => {
      const forgetful = { ...env, XDG_CACHE_HOME: join(work, "empty-cache") };
      proxy.reset();
      await gantry(["push", source, `${proxy.host}/bench/five:1`], { env: forgetful });
      expect(proxy.requests.length, proxy.requests.join("\n")).toBeLessThanOrEqual(1);
    });
  });
}
