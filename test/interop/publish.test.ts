import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Application, makeApplication, type Published } from "./application.js";
import { hostArchitecture } from "./base-rootfs.mjs";
import { type Engine, startDocker, startPodman } from "./engines.js";
import { gantry } from "./gantry.js";
import { needs } from "./needs.js";
import { removeFolder, run, temporaryFolder } from "./processes.js";
import { type RegistryKind, startRegistry, type TestRegistry } from "./registries.js";

// What gantry builds and publishes, every other tool reads, and the engines run: from gantry's own registry and from
// the registries that others wrote.
const readers = needs(["skopeo", "crane", "regctl", "oras", "umoci"]);
const podman = needs(["podman"], { root: true });
const docker = needs(["dockerd", "docker"], { root: true });
const engines: { podman?: Engine; docker?: Engine } = {};
let work: string;
let application: Application;

beforeAll(async () => {
  work = temporaryFolder();
  application = makeApplication(join(work, "application"));
  if (!podman.skip) engines.podman = await startPodman();
  if (!docker.skip) engines.docker = await startDocker();
});
afterAll(async () => {
  await engines.podman?.stop();
  await engines.docker?.stop();
  removeFolder(work);
});

const sha256 = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

for (const kind of ["gantry", "docker-registry", "registry", "zot"] satisfies RegistryKind[]) {
  const there = kind === "gantry" ? { skip: false } : needs([kind]);
  describe.skipIf(there.skip)(`published to ${kind}`, () => {
    let registry: TestRegistry;
    let published: Published;
    let image: string;
    beforeAll(async () => {
      registry = await startRegistry(kind);
      published = await application.publish(registry.host, ["1.0", "latest"]);
      image = `${published.repository}:1.0`;
    });
    afterAll(() => registry?.stop());

    test("the report names both tags and one digest", () => {
      const { digest, destinations } = published.application;
      expect(destinations.map(({ name, digest: at, status }) => [name, at, status])).toEqual([
        [`${published.repository}:1.0`, digest, "done"],
        [`${published.repository}:latest`, digest, "done"],
      ]);
    });

    test.skipIf(readers.skip)("skopeo, crane, regctl and oras see the digest that gantry says", async () => {
      const { digest } = published.application;
      const raw = await run(readers.path("skopeo"), ["inspect", "--raw", "--tls-verify=false", `docker://${image}`]);
      expect(sha256(raw.stdout)).toBe(digest);
      const crane = await run(readers.path("crane"), ["digest", "--insecure", image]);
      expect(crane.stdout.trim()).toBe(digest);
      const regctl = ["--host", `reg=${registry.host},tls=disabled`];
      expect((await run(readers.path("regctl"), [...regctl, "image", "digest", image])).stdout.trim()).toBe(digest);
      const oras = await run(readers.path("oras"), ["manifest", "fetch", "--plain-http", "--descriptor", image]);
      expect(JSON.parse(oras.stdout)).toMatchObject({ digest, size: Buffer.byteLength(raw.stdout) });
      const own = await gantry(["digest", image]);
      expect(own.stdout.trim()).toBe(digest);
    });

    test.skipIf(readers.skip)("crane finds every layer, diffID and size right", async () => {
      const done = await run(readers.path("crane"), ["validate", "--insecure", "--remote", image]);
      expect(done.stdout + done.stderr).toMatch(/PASS/);
    });

    test.skipIf(readers.skip)("both platforms are there, each with its own configuration", async () => {
      for (const architecture of ["amd64", "arm64"]) {
        const options = ["--override-os=linux", `--override-arch=${architecture}`, "--tls-verify=false"];
        const seen = await run(readers.path("skopeo"), [
          ...options.slice(0, 2),
          "inspect",
          options[2]!,
          `docker://${image}`,
        ]);
        expect(JSON.parse(seen.stdout)).toMatchObject({ Architecture: architecture, Os: "linux" });
        const config = await run(readers.path("crane"), [
          "config",
          "--insecure",
          "--platform",
          `linux/${architecture}`,
          image,
        ]);
        expect(JSON.parse(config.stdout)).toMatchObject({
          architecture,
          config: {
            Entrypoint: ["/bin/sh", "/srv/app/run.sh"],
            User: "1000:1000",
            WorkingDir: "/srv/app",
            Env: ["PATH=/bin", "GREETING=hello"],
            Labels: { "org.opencontainers.image.source": "https://example.com/app" },
          },
        });
      }
    });

    test.skipIf(readers.skip)("skopeo and oras copy it into an OCI layout, umoci unpacks that", async () => {
      const folder = join(work, `copied-from-${kind}`);
      mkdirSync(folder);
      const copy = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"];
      await run(readers.path("skopeo"), [...copy, `docker://${image}`, `oci:${folder}/skopeo:1.0`]);
      await run(readers.path("oras"), ["cp", "--from-plain-http", "--to-oci-layout", image, `${folder}/oras:1.0`]);
      for (const name of ["skopeo", "oras"]) {
        const index = JSON.parse(readFileSync(join(folder, name, "index.json"), "utf8")) as {
          manifests: { digest: string }[];
        };
        expect(index.manifests.map(({ digest }) => digest)).toContain(published.application.digest);
      }
    });

    for (const name of ["podman", "docker"] as const) {
      test.skipIf((name === "podman" ? podman : docker).skip)(`${name} pulls and runs it`, async () => {
        const engine = engines[name]!;
        await engine.pull(image);
        expect(await engine.run(image)).toBe(application.expected(hostArchitecture));
        const digests = await engine.command(["inspect", "--format", "{{json .RepoDigests}}", image]);
        expect(digests.stdout).toContain(published.application.digest);
      });
    }
  });
}

describe.skipIf(readers.skip)("an OCI layout that gantry wrote", () => {
  let layout: string;
  let digest: string;
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry("gantry");
    const published = await application.publish(registry.host, ["1.0"]);
    digest = published.application.digest;
    layout = join(work, "layout");
    await gantry(["pull", `${published.repository}:1.0`, `oci:${layout}:1.0`]);
    const single = `oci:${layout}:single`;
    await gantry(["copy", "--platform", `linux/${hostArchitecture}`, `${published.repository}:1.0`, single]);
  });
  afterAll(() => registry?.stop());

  test("skopeo copies it without a complaint, byte for byte", async () => {
    const target = join(work, "by-skopeo");
    const args = ["--insecure-policy", "copy", "--all", "--preserve-digests", `oci:${layout}:1.0`, `oci:${target}:1.0`];
    const done = await run(readers.path("skopeo"), args);
    expect(done.stderr).not.toMatch(/warn|error/i);
    const index = JSON.parse(readFileSync(join(target, "index.json"), "utf8")) as { manifests: { digest: string }[] };
    expect(index.manifests[0]?.digest).toBe(digest);
  });

  test("umoci reads and unpacks an image of it", async () => {
    const stat = await run(readers.path("umoci"), ["stat", "--image", `${layout}:single`, "--json"]);
    const { history } = JSON.parse(stat.stdout) as { history: { layer: object | null; empty_layer?: boolean }[] };
    expect(history.filter((entry) => entry.layer !== null)).toHaveLength(5);
    const bundle = join(work, "bundle");
    const rootless = process.getuid?.() === 0 ? [] : ["--rootless"];
    await run(readers.path("umoci"), ["unpack", ...rootless, "--image", `${layout}:single`, bundle]);
    expect(existsSync(join(bundle, "rootfs/srv/app/a name with spaces, and ünïcode.txt"))).toBe(true);
    expect(readFileSync(join(bundle, "rootfs/srv/app/built-for.txt"), "utf8")).toBe(`${hostArchitecture}\n`);
    const config = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as { process: { args: string[] } };
    expect(config.process.args).toEqual(["/bin/sh", "/srv/app/run.sh"]);
  });

  test("umoci changes it, and gantry copies what umoci wrote", async () => {
    const changed = ["config", "--image", `${layout}:single`, "--tag", "changed", "--config.label", "by=umoci"];
    await run(readers.path("umoci"), changed);
    const name = `${registry.host}/demo/by-umoci:1`;
    await gantry(["copy", `oci:${layout}:changed`, name]);
    const config = await run(readers.path("crane"), ["config", "--insecure", name]);
    expect(JSON.parse(config.stdout)).toMatchObject({ config: { Labels: { by: "umoci" } } });
  });
});

describe.skipIf(readers.skip || needs(["docker-registry"]).skip)("copies keep digests", () => {
  let from: TestRegistry;
  let to: TestRegistry;
  let source: string;
  let digest: string;
  beforeAll(async () => {
    from = await startRegistry("gantry");
    to = await startRegistry("docker-registry");
    const published = await application.publish(from.host, ["1.0"]);
    source = `${published.repository}:1.0`;
    digest = published.application.digest;
  });
  afterAll(async () => {
    await from?.stop();
    await to?.stop();
  });

  test("from registry to registry, to a layout and back, as skopeo --preserve-digests does", async () => {
    const own = join(work, "copy-own");
    const skopeos = join(work, "copy-skopeo");
    await gantry(["copy", source, `${to.host}/a/gantry:1`, `oci:${own}:1`]);
    await gantry(["copy", `oci:${own}:1`, `${to.host}/b/gantry:1`]);
    const skopeo = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"];
    await run(readers.path("skopeo"), [
      ...skopeo,
      "--dest-tls-verify=false",
      `docker://${source}`,
      `docker://${to.host}/a/skopeo:1`,
    ]);
    await run(readers.path("skopeo"), [...skopeo, `docker://${source}`, `oci:${skopeos}:1`]);
    await gantry(["copy", `oci:${skopeos}:1`, `${to.host}/b/skopeo:1`]);
    for (const name of ["a/gantry", "b/gantry", "a/skopeo", "b/skopeo"]) {
      const seen = await run(readers.path("crane"), ["digest", "--insecure", `${to.host}/${name}:1`]);
      expect([name, seen.stdout.trim()]).toEqual([name, digest]);
      await run(readers.path("crane"), ["validate", "--insecure", "--remote", `${to.host}/${name}:1`]);
    }
  });

  test("an image that buildah made (Docker's types) goes through unchanged", async () => {
    const made = needs(["buildah"], { root: true });
    if (made.skip) return;
    const folder = temporaryFolder();
    const buildah = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver", "vfs"];
    writeFileSync(join(folder, "Containerfile"), "FROM scratch\nCOPY Containerfile /a\nCOPY Containerfile /b\n");
    const bud = [
      "bud",
      "-q",
      "--layers",
      "--format",
      "docker",
      "--isolation",
      "chroot",
      "-t",
      "localhost/made:1",
      folder,
    ];
    await run(made.path("buildah"), [...buildah, ...bud]);
    const name = `${to.host}/made/buildah:1`;
    await run(made.path("buildah"), [
      ...buildah,
      "push",
      "-q",
      "--tls-verify=false",
      "localhost/made:1",
      `docker://${name}`,
    ]);
    await gantry(["copy", name, `${from.host}/made/copy:1`]);
    const raw = async (at: string): Promise<string> =>
      (await run(readers.path("skopeo"), ["inspect", "--raw", "--tls-verify=false", `docker://${at}`])).stdout;
    expect(await raw(`${from.host}/made/copy:1`)).toBe(await raw(name));
    removeFolder(folder);
  });
});
