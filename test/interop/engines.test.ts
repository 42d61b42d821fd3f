import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { busyboxRootfs, hostArchitecture } from "./base-rootfs.mjs";
import { type Engine, startDocker, startPodman } from "./engines.js";
import { needs } from "./needs.js";
import { removeFolder, run, temporaryFolder } from "./processes.js";

// The control of the tests that run what gantry built: the engines run, on this machine, what they made themselves.
for (const [name, launch, programs] of [
  ["podman", startPodman, ["podman"]],
  ["docker", startDocker, ["dockerd", "docker"]],
] as const) {
  describe.skipIf(needs(programs, { root: true }).skip)(name, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await launch();
    });
    afterAll(() => engine?.stop());

    test("runs a container of its own making", async () => {
      const folder = temporaryFolder();
      const tar = join(folder, "root.tar");
      await run("tar", ["-C", join(busyboxRootfs(), hostArchitecture), "--owner=0", "--group=0", "-cf", tar, "."]);
      await engine.command(["import", "--change", 'ENTRYPOINT ["/bin/busybox"]', tar, "localhost/control:1"]);
      expect(await engine.run("localhost/control:1", ["echo", "it runs"])).toBe("it runs\n");
      removeFolder(folder);
    });
  });
}
