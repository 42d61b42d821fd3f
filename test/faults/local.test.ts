import { spawn } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Gantry } from "../../src/gantry.js";
import { GANTRY, Sandbox } from "../integration/gantry-cli.js";
import { pass } from "./actions.js";
import { FaultProxy } from "./fault-proxy.js";
import { type Ground, openGround } from "./ground.js";
import { faultsInRegistry, strayFiles, writeImage } from "./image.js";
import { seeded } from "./rules.js";

const UPLOADS = /\/blobs\/uploads\//;
const BLOB = /\/blobs\/sha/;

describe("what a process goes through", () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await openGround();
  });
  afterAll(() => ground?.[Symbol.asyncDispose]());

  test("kill -9 in a pull: what was there stays, the next run completes, and nothing is left over", async () => {
    await using home = await Sandbox.create();
    const random = seeded(9);
    const layout = home.path("layout");
    const old = await writeImage(layout, [100_000, 3_000]);
    await using gantry = new Gantry({ dataDir: home.path("data"), env: { HOME: home.root } });
    for (let round = 0; round < 6; round += 1) {
      await using proxy = await slow(ground.upstream);
      const after = 150 + random() * 1_500;
      const ended = await home.run(["copy", `${proxy.host}/${ground.stored}`, `oci:${layout}:new`], {
        running: (child) => setTimeout(() => child.kill("SIGKILL"), after),
      });
      expect(ended.signal === "SIGKILL" || ended.code === 0, ended.stderr).toBe(true);
      expect(await gantry.validate(`oci:${layout}:latest`)).toMatchObject({
        descriptor: { digest: old.manifest.digest },
      });
    }
    const last = await home.run(["copy", `${new URL(ground.upstream).host}/${ground.stored}`, `oci:${layout}:new`]);
    expect(last.code, last.stderr).toBe(0);
    for (const name of ["latest", "new"]) await gantry.validate(`oci:${layout}:${name}`);
    // What a killed run left is swept by the next one.
    expect(await strayFiles(layout)).toEqual([]);
  });

  test("kill -9 in a push: the next run completes and sends only what is missing", async () => {
    await using home = await Sandbox.create();
    const name = `local/killed-${process.pid}:latest`;
    let sent = 0;
    for (let round = 0; round < 4; round += 1) {
      await using proxy = await slow(ground.upstream);
      await home.run(["copy", `oci:${ground.image.layout}:latest`, `${proxy.host}/${name}`], {
        running: (child) => setTimeout(() => child.kill("SIGKILL"), 600 + round * 300),
      });
      sent += proxy.bytes.up;
    }
    await using proxy = await FaultProxy.start({ upstream: ground.upstream });
    const last = await home.run(["copy", `oci:${ground.image.layout}:latest`, `${proxy.host}/${name}`]);
    expect(last.code, last.stderr).toBe(0);
    expect(await faultsInRegistry(ground.upstream, name, ground.image)).toEqual([]);
    expect((sent + proxy.bytes.up) / ground.image.bytes).toBeLessThan(5);
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s in a push: open uploads are cancelled, in two seconds, with one line and exit code 130",
    async (signal) => {
      await using home = await Sandbox.create();
      await using proxy = await slow(ground.upstream);
      const name = `local/stopped-${signal.toLowerCase()}-${process.pid}:latest`;
      let stopped = 0;
      const ended = await home.run(["copy", `oci:${ground.image.layout}:latest`, `${proxy.host}/${name}`, "--quiet"], {
        running: (child) => {
          const timer = setInterval(() => {
            if (!proxy.log.some(({ method, up }) => method === "PUT" && up > 300_000)) return;
            clearInterval(timer);
            stopped = performance.now();
            child.kill(signal);
          }, 20);
          child.once("exit", () => clearInterval(timer));
        },
      });
      expect(ended.code).toBe(130);
      expect(performance.now() - stopped).toBeLessThan(4_000);
      expect(ended.stderr.trim().split("\n")).toHaveLength(1);
      const opened = proxy.log.filter(({ method, status }) => method === "POST" && status === 202).length;
      const closed = proxy.log.filter(
        ({ method, path, status }) => method === "PUT" && UPLOADS.test(path) && status === 201,
      ).length;
      const cancelled = proxy.log.filter(({ method }) => method === "DELETE").length;
      expect(cancelled).toBe(opened - closed);
    },
  );

  test("an interrupt ends in two seconds even when the registry does not answer any more", async () => {
    await using home = await Sandbox.create();
    let dead = false;
    await using proxy = await FaultProxy.start({
      upstream: ground.upstream,
      rules: () => [
        { method: /DELETE/, hits: "all", act: () => undefined },
        {
          path: UPLOADS,
          withBody: true,
          hits: "all",
          act: () => {
            dead = true;
          },
        },
      ],
    });
    let stopped = 0;
    const ended = await home.run(["copy", `oci:${ground.image.layout}:latest`, `${proxy.host}/local/dead:latest`], {
      running: (child) => {
        const timer = setInterval(() => {
          if (!dead) return;
          clearInterval(timer);
          stopped = performance.now();
          child.kill("SIGINT");
        }, 20);
        child.once("exit", () => clearInterval(timer));
      },
    });
    expect(ended.code).toBe(130);
    expect(performance.now() - stopped).toBeLessThan(5_000);
  });

  test.each(["SIGINT", "SIGTERM"] as const)("%s in a pull leaves no file behind", async (signal) => {
    await using home = await Sandbox.create();
    await using proxy = await slow(ground.upstream);
    const layout = home.path("layout");
    const ended = await home.run(["copy", `${proxy.host}/${ground.stored}`, `oci:${layout}:latest`, "--quiet"], {
      running: (child) => {
        const timer = setInterval(() => {
          if (!proxy.log.some(({ path, down }) => BLOB.test(path) && down > 500_000)) return;
          clearInterval(timer);
          child.kill(signal);
        }, 20);
        child.once("exit", () => clearInterval(timer));
      },
    });
    expect(ended.code).toBe(130);
    const files = (await readdir(layout, { recursive: true, withFileTypes: true }).catch(() => [])).filter((f) =>
      f.isFile(),
    );
    const left = files.map((file) => join(file.parentPath, file.name).slice(layout.length + 1));
    expect(left.filter((path) => !/^(?:oci-layout|index\.json|blobs\/|\.gantry\/lock\/)/.test(path))).toEqual([]);
  });

  test("a destination that cannot be written fails before the first byte from the network", async () => {
    await using home = await Sandbox.create();
    await using proxy = await FaultProxy.start({ upstream: ground.upstream });
    await writeFile(home.path("file"), "not a directory");
    const ended = await home.run(["copy", `${proxy.host}/${ground.stored}`, `oci:${home.path("file")}/layout:latest`]);
    expect(ended.code).toBe(1);
    expect(proxy.log).toEqual([]);
  });

  test("64 open files are enough for an image of forty layers, in both directions", async () => {
    await using home = await Sandbox.create();
    await using wide = await openGround(Array.from({ length: 40 }, () => 200_000));
    await using gantry = new Gantry({ dataDir: home.path("data"), env: { HOME: home.root } });
    const host = new URL(wide.upstream).host;
    const pushed = await limited(home, [
      "copy",
      `oci:${wide.image.layout}:latest`,
      `${host}/local/wide:latest`,
      "--concurrency=32",
    ]);
    expect(pushed.code, pushed.stderr).toBe(0);
    const pulled = await limited(home, [
      "copy",
      `${host}/local/wide:latest`,
      `oci:${home.path("wide")}:latest`,
      "--concurrency=32",
    ]);
    expect(pulled.code, pulled.stderr).toBe(0);
    await gantry.validate(`oci:${home.path("wide")}:latest`);
  });
});

/** A proxy over which the image takes some seconds. */
function slow(upstream: string): Promise<FaultProxy> {
  return FaultProxy.start({
    upstream,
    rules: () => [
      { path: UPLOADS, withBody: true, hits: "all", act: pass({ uploadRate: 1_500_000 }) },
      { method: /GET/, path: BLOB, hits: "all", act: pass({ drip: { bytes: 64 * 1024, everyMs: 20 } }) },
    ],
  });
}

/** Runs gantry with 64 file descriptors. */
function limited(home: Sandbox, args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn("/bin/sh", ["-c", 'ulimit -n 64 && exec "$0" "$@"', process.execPath, GANTRY, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: home.root },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stderr }));
  });
}
