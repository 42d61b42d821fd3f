import { chmod, link, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname, tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bottomUp, memoryStore, type MemoryStore, verifyGraph } from "../content/index.js";
import { GantryError } from "../errors.js";
import { createIndex, editConfig, materialise, scratch } from "../images/index.js";
import {
  ANNOTATIONS,
  type Descriptor,
  type Family,
  type ImageConfig,
  isDocument,
  type Manifest,
  parseImageConfig,
  parseIndex,
  parseManifest,
  type Platform,
} from "../spec/index.js";
import { gunzip, readAll, readTar, type TarEntry } from "../streams/index.js";
import { overlayStore } from "../content/index.js";
import {
  type BuildEvent,
  buildImages,
  type BuildOptions,
  type BuiltImage,
  type LayerCache,
  memoryLayerCache,
  parsePlan,
  type PlanInput,
  recordLayerCache,
} from "./index.js";
import { readSource } from "./read-source.js";

const AMD64: Platform = { os: "linux", architecture: "amd64" };
const ARM64: Platform = { os: "linux", architecture: "arm64" };

let folder: string;
let cache: LayerCache;
let local: MemoryStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-build-"));
  local = memoryStore();
  cache = memoryLayerCache(local);
});
afterEach(async () => {
  await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
});

/** A name that ends with / is a directory, content that starts with -> a link. */
async function tree(files: Readonly<Record<string, string>>, root: string = folder): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(name.endsWith("/") ? path : dirname(path), { recursive: true });
    if (content.startsWith("->")) await symlink(content.slice(2), path);
    else if (!name.endsWith("/")) await writeFile(path, content);
  }
}

type Options = Partial<BuildOptions> & { directory?: string };

async function build(
  plan: PlanInput | string,
  { directory = folder, ...options }: Options = {},
): Promise<readonly BuiltImage[]> {
  return await buildImages(await parsePlan(plan, { directory, file: "gantry.yaml" }), {
    cache,
    resolveBase: async (name) => {
      throw new GantryError("MANIFEST_UNKNOWN", `no ${name}`);
    },
    ...options,
  });
}

/** One image of one layer for amd64. */
const one = (files: Record<string, string>, rest: object = {}, image: object = {}): PlanInput => ({
  images: [{ name: "a", platforms: "linux/amd64", layers: [{ files, ...rest }], ...image }],
});

async function parts(
  image: BuiltImage,
  of: Descriptor = image.root,
): Promise<{ manifest: Manifest; config: ImageConfig }> {
  const manifest = parseManifest(await image.store.manifest(of), of.mediaType);
  return { manifest, config: parseImageConfig(await readAll(image.store.blob(manifest.config).open(), 1e6)) };
}

async function entriesOf(image: BuiltImage, layer = 0): Promise<(TarEntry & { text: string })[]> {
  const { manifest } = await parts(image);
  const entries: (TarEntry & { text: string })[] = [];
  for await (const entry of readTar(gunzip(image.store.blob(manifest.layers[layer]!).open()))) {
    entries.push(Object.assign(entry, { text: new TextDecoder().decode(await readAll(entry.body, 1e6)) }));
  }
  return entries;
}

const listing = async (image: BuiltImage, layer = 0): Promise<string[]> =>
  (await entriesOf(image, layer)).map(
    ({ name, mode, linkName, uid, gid }) =>
      `${mode.toString(8)} ${uid}:${gid} ${name}${linkName ? ` -> ${linkName}` : ""}`,
  );

/** Past the tick of the clock in which the files were written. */
const settle = () => sleep(60);

describe("a layer", () => {
  test("has the tree, sorted, with parents, links kept, and nothing of the machine", async () => {
    await tree({
      "dist/main.js": "main",
      "dist/lib/b.js": "b",
      "dist/lib/a.js": "a",
      "dist/empty/": "",
      "dist/to": "->lib/a.js",
      "dist/out": "->/etc/passwd",
      run: "#!",
    });
    await chmod(join(folder, "run"), 0o700);
    await chmod(join(folder, "dist/main.js"), 0o600);
    const [image] = await build(one({ "./dist": "/srv/app", "./run": "/usr/bin/" }));
    expect(await listing(image!)).toEqual([
      "755 0:0 srv/",
      "755 0:0 srv/app/",
      "755 0:0 srv/app/empty/",
      "755 0:0 srv/app/lib/",
      "644 0:0 srv/app/lib/a.js",
      "644 0:0 srv/app/lib/b.js",
      "644 0:0 srv/app/main.js",
      "777 0:0 srv/app/out -> /etc/passwd",
      "777 0:0 srv/app/to -> lib/a.js",
      "755 0:0 usr/",
      "755 0:0 usr/bin/",
      "755 0:0 usr/bin/run",
    ]);
    for (const entry of await entriesOf(image!)) {
      expect([entry.uname, entry.gname, entry.mtime]).toEqual(["", "", { seconds: 0, nanoseconds: 0 }]);
    }
  });

  test("takes owner, modes, times and exclude from the plan", async () => {
    await tree({ "d/x.map": "", "d/x.js": "x", "d/sub/y.map": "", "d/node_modules/m/i.js": "" });
    const [image] = await build(
      one(
        { "./d": "/d" },
        {
          owner: "1000:2000",
          mode: { file: "0640", directory: "0750" },
          exclude: ["**/*.map", "node_modules"],
          mtime: "2020-01-01",
        },
      ),
    );
    expect(await listing(image!)).toEqual(["750 1000:2000 d/", "750 1000:2000 d/sub/", "640 1000:2000 d/x.js"]);
    expect((await entriesOf(image!))[2]?.mtime.seconds).toBe(1577836800);
  });

  test("leaves the usual permissions to /tmp and /root", async () => {
    await tree({ f: "" });
    const [image] = await build({
      images: [
        {
          name: "a",
          platforms: "linux/amd64",
          layers: [{ files: { "./f": "/tmp/x/f" } }, { files: { f: "/root/f" } }],
        },
      ],
    });
    expect((await listing(image!, 0))[0]).toBe("1777 0:0 tmp/");
    expect((await listing(image!, 1))[0]).toBe("700 0:0 root/");
  });

  test("keeps the permissions of a root file system where asked", async () => {
    await tree({ "fs/bin/su": "", "fs/tmp/": "", "fs/etc/shadow": "" });
    for (const [name, mode] of Object.entries({
      "bin/su": 0o4755,
      tmp: 0o1777,
      "etc/shadow": 0o640,
      bin: 0o755,
      etc: 0o755,
    })) {
      await chmod(join(folder, "fs", name), mode);
    }
    const [kept] = await build(one({ "./fs": "/" }, { mode: "keep" }));
    expect(await listing(kept!)).toEqual([
      "755 0:0 bin/",
      "4755 0:0 bin/su",
      "755 0:0 etc/",
      "640 0:0 etc/shadow",
      "1777 0:0 tmp/",
    ]);
    await chmod(join(folder, "fs/tmp"), 0o700);
    const [usual] = await build(one({ "./fs": "/" }));
    expect((await listing(usual!)).at(-1)).toBe("1777 0:0 tmp/");
  });

  test("lets a later mapping win, file by file", async () => {
    await tree({ "d/a": "old", "d/b": "b", new: "new" });
    const [image] = await build(one({ "./d": "/d", "./new": "/d/a" }));
    expect((await entriesOf(image!)).map((entry) => entry.text)).toEqual(["", "new", "b"]);
  });

  test("keeps names that are no UTF-8", async () => {
    await mkdir(join(folder, "d"));
    const bytes = Buffer.concat([Buffer.from(join(folder, "d/")), Buffer.from([0xff, 0xe9])]);
    await writeFile(bytes, "x");
    const [image] = await build(one({ "./d": "/d" }));
    expect(Buffer.from((await entriesOf(image!))[1]!.rawName)).toEqual(Buffer.from([0x64, 0x2f, 0xff, 0xe9]));
  });

  test("reads hard links as separate files", async () => {
    await tree({ "d/a": "same" });
    await link(join(folder, "d/a"), join(folder, "d/b"));
    const [image] = await build(one({ "./d": "/d" }));
    expect((await entriesOf(image!)).map((entry) => [entry.type, entry.text])).toEqual([
      ["directory", ""],
      ["file", "same"],
      ["file", "same"],
    ]);
  });

  test.each(["gzip", "zstd", "none"] as const)("is compressed as asked: %s", async (type) => {
    await tree({ f: "x".repeat(100_000) });
    const digests = await Promise.all(
      ["gzip", type].map(async (compression) => {
        const [image] = await build(one({ "./f": "/f" }, {}, { compression }));
        await verifyGraph(image!.store, image!.root);
        return (await parts(image!)).config.rootfs.diff_ids;
      }),
    );
    expect(digests[0]).toEqual(digests[1]);
  });
});

describe("reproducible", () => {
  test("the digests are these", async () => {
    await tree({
      "dist/main.js": "console.log('hello');\n",
      "dist/lib/x.js": "export const x = 1;\n",
      "dist/link": "->main.js",
    });
    const [image] = await build(
      one(
        { "./dist": "/app" },
        {},
        {
          config: {
            entrypoint: ["node", "/app/main.js"],
            env: { A: "1" },
            labels: { l: "v" },
            ports: [80],
            user: 1000,
            workdir: "/app",
          },
          annotations: { k: "v" },
        },
      ),
    );
    const { manifest, config } = await parts(image!);
    expect({
      diffId: config.rootfs.diff_ids[0],
      config: manifest.config.digest,
      layer: manifest.layers[0]?.digest,
      root: image!.root.digest,
    }).toMatchInlineSnapshot(`
      {
        "config": "sha256:83569d66a83ea6e8cf1a3babf72fdb48b95ac52e072e75107c5faa128c4b0cd3",
        "diffId": "sha256:2df2b2a33272cbd5208050e4c11782fa969379bfcf66ac5cad40aa8c7ff69fcb",
        "layer": "sha256:4eb91ae1f2207381d6f37b8b6716e6cc0a56a5a11656f3da9c86f701d5e43064",
        "root": "sha256:92dbd82ba286aff5506bc81a6e71fdaf22e7e0fb3fd286584f8529552a6031a1",
      }
    `);
  });

  test("whatever the order of creation, times, umask and place", async () => {
    const files = { "a/1": "one", "a/2": "two", "a-b": "x", "a.c": "y", é: "ü", "z/deep/er/f": "f" };
    let expected: string | undefined;
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(Object.entries(files), { minLength: 6, maxLength: 6 }),
        fc.constantFrom(0o022, 0o002, 0o077),
        fc.integer({ min: 0, max: 2 ** 31 }),
        async (order, umask, time) => {
          const root = await mkdtemp(join(folder, "tree-"));
          const before = process.umask(umask);
          try {
            await tree(Object.fromEntries(order), root);
          } finally {
            process.umask(before);
          }
          for (const [name] of order) await utimes(join(root, name), time, time);
          const [image] = await build(one({ ".": "/srv" }), {
            directory: root,
            cache: memoryLayerCache(memoryStore()),
          });
          expected ??= image!.root.digest;
          expect(image!.root.digest).toBe(expected);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("SOURCE_DATE_EPOCH is the time of everything of ours, and nothing else differs", async () => {
    await tree({ f: "x" });
    const [image] = await build(one({ "./f": "/f" }), { sourceDateEpoch: 1_700_000_000 });
    const { config } = await parts(image!);
    expect(config.created).toBe("2023-11-14T22:13:20Z");
    expect(config.history).toEqual([{ created: "2023-11-14T22:13:20Z", created_by: "gantry: COPY ./f -> /f" }]);
    expect((await entriesOf(image!))[0]?.mtime.seconds).toBe(1_700_000_000);
  });

  test("no host name, user, process id or path of this machine in any byte", async () => {
    await tree({ "d/f": "content" });
    const [image] = await build(one({ [join(folder, "d")]: "/d" }));
    let all = "";
    for await (const node of bottomUp(image!.store, image!.root)) {
      const bytes = isDocument(node)
        ? await image!.store.manifest(node)
        : await readAll(image!.store.blob(node).open(), 1e6);
      all += Buffer.from(bytes).toString("latin1");
      if (node.mediaType.endsWith("gzip")) {
        all += Buffer.from(await readAll(gunzip(image!.store.blob(node).open()), 1e6)).toString("latin1");
      }
    }
    for (const secret of [folder, hostname(), `PaxHeaders.${process.pid}`]) expect(all).not.toContain(secret);
    if (userInfo().username.length > 2) expect(all.replaceAll("rootfs", "")).not.toContain(userInfo().username);
  });
});

describe("the cache", () => {
  const plan = one({ "./d": "/d" });
  let reads: string[];
  let how: string[];
  const options = (): Options => ({
    read: (file, signal) => {
      reads.push(file.shown);
      return readSource(file, signal);
    },
    onEvent: (event: BuildEvent) => {
      if (event.type === "layer-done") how.push(event.how);
    },
  });
  beforeEach(async () => {
    reads = [];
    how = [];
    await tree({ "d/a": "a", "d/b": "b".repeat(200_000) });
    await settle();
  });
  const again = async (): Promise<string> => {
    reads = [];
    how = [];
    return (await build(plan, options()))[0]!.root.digest;
  };

  test("nothing changed: no content is read, nothing is compressed", async () => {
    const first = await again();
    expect([reads.length, how]).toEqual([2, ["built"]]);
    expect(await again()).toBe(first);
    expect([reads, how]).toEqual([[], ["unchanged"]]);
  });

  test("touched but the same: read and hashed, not compressed, and not read the next time", async () => {
    const first = await again();
    await utimes(join(folder, "d/a"), 5, 5);
    await settle();
    expect(await again()).toBe(first);
    expect([reads.length, how]).toEqual([2, ["same"]]);
    await again();
    expect([reads, how]).toEqual([[], ["unchanged"]]);
  });

  test("changed with the same size and the same mtime is noticed", async () => {
    await utimes(join(folder, "d/a"), 5, 5);
    await settle();
    const first = await again();
    await writeFile(join(folder, "d/a"), "A");
    await utimes(join(folder, "d/a"), 5, 5);
    expect(await again()).not.toBe(first);
    expect(how).toEqual(["built"]);
  });

  test("a file that changed in this very moment is not trusted", async () => {
    await writeFile(join(folder, "d/a"), "1");
    const first = await again();
    await writeFile(join(folder, "d/a"), "2");
    expect(await again()).not.toBe(first);
  });

  test("a lost blob is built again", async () => {
    const first = await again();
    const { manifest } = await parts((await build(plan))[0]!);
    await local.remover.remove(manifest.layers[0]!);
    expect(await again()).toBe(first);
    expect(how).toEqual(["built"]);
  });

  test("other compression, owner or exclude are another layer", async () => {
    await again();
    for (const rest of [{ compression: { type: "gzip", level: 1 } }, { owner: 1 }, { exclude: ["a"] }, { mtime: 1 }]) {
      how = [];
      await build(one({ "./d": "/d" }, rest), options());
      expect(how).toEqual(["built"]);
    }
  });

  test("kept in records outlives the process, and what is no record counts as none", async () => {
    const kept = new Map<string, unknown>();
    const records = {
      get: async (key: string) => kept.get(key),
      put: async (key: string, value: unknown) => void kept.set(key, JSON.parse(JSON.stringify(value))),
    };
    cache = recordLayerCache(local, records);
    const first = await again();
    cache = recordLayerCache(local, records);
    expect(await again()).toBe(first);
    expect(reads).toEqual([]);
    const bad = [
      null,
      "x",
      {},
      { descriptor: { mediaType: "text/plain", digest: "sha256:../x", size: -1 }, diffId: 1 },
    ];
    for (const [i, key] of [...kept.keys()].entries()) kept.set(key, bad[i % bad.length]);
    expect(await again()).toBe(first);
    expect(how).toEqual(["built"]);
    await again();
    expect(how).toEqual(["unchanged"]);
  });
});

describe("platforms", () => {
  test("several make an index, each with its own files, and share what is the same", async () => {
    await tree({ "bin/amd64/app": "for amd64", "bin/arm64/app": "for arm64", "share/x": "x" });
    const how: string[] = [];
    const plan = `images:
- name: a
  platforms: [linux/arm64, linux/amd64]
  layers:
  - files: { ./share: /share }
  - files: { "./bin/\${PLATFORM_ARCH}": /app }
  annotations: { k: v }
  tags: [localhost:5000/a:1]
`;
    const [image] = await build(plan, {
      onEvent: (event) => void (event.type === "layer-done" && how.push(event.how)),
    });
    const index = parseIndex(await image!.store.manifest(image!.root), image!.root.mediaType);
    expect(index.manifests.map((entry) => entry.platform)).toEqual([ARM64, AMD64]);
    expect(index.annotations).toEqual({ k: "v" });
    const [arm, amd] = await Promise.all(index.manifests.map((entry) => parts(image!, entry)));
    expect(arm!.manifest.layers[0]).toEqual(amd!.manifest.layers[0]);
    expect(arm!.manifest.layers[1]).not.toEqual(amd!.manifest.layers[1]);
    expect(arm!.manifest.annotations).toEqual({ k: "v" });
    expect([arm!.config.architecture, amd!.config.architecture]).toEqual(["arm64", "amd64"]);
    expect(arm!.config.history).toEqual(amd!.config.history);
    expect(how.toSorted()).toEqual(["built", "built", "built", "shared"]);
    expect(image!.tags).toEqual(["localhost:5000/a:1"]);
    await verifyGraph(image!.store, image!.root);
  });

  test("one makes a manifest, and the caller's choice wins", async () => {
    const [image] = await build(
      { images: [{ name: "a", platforms: ["linux/amd64", "linux/arm64"] }] },
      { platforms: [{ os: "linux", architecture: "arm", variant: "v7" }] },
    );
    expect((await parts(image!)).config).toMatchObject({ os: "linux", architecture: "arm", variant: "v7" });
  });
});

describe("a base", () => {
  async function base(family: Family, platforms: Platform[] = [AMD64, ARM64]): Promise<Descriptor> {
    const overlay = overlayStore();
    const views = platforms.map((platform) =>
      editConfig(scratch(platform, family), (config) => ({
        ...config,
        "x-kept": 1,
        config: {
          Env: ["PATH=/bin", "A=base"],
          Entrypoint: ["/old"],
          Cmd: ["arg"],
          WorkingDir: "/srv",
          Labels: { a: "1", b: "1" },
          ExposedPorts: { "1/tcp": {} },
        },
        history: [{ created_by: "base", empty_layer: true }],
      })),
    );
    const root = await materialise(createIndex(views, { family }), overlay);
    for await (const node of bottomUp(overlay, root)) {
      if (isDocument(node)) await local.writer.putManifest(await overlay.manifest(node), node);
      else await local.writer.putBlob(node, overlay.blob(node));
    }
    return root;
  }
  const on = (root: Descriptor, names: string[] = []): Options => ({
    resolveBase: async (name) => {
      names.push(name);
      return { store: local, descriptor: root };
    },
  });
  const image = (rest: object = {}): PlanInput => ({
    images: [
      {
        name: "a",
        base: "node:24",
        platforms: ["linux/amd64", "linux/arm64"],
        layers: [{ files: { "./f": "/f" } }],
        ...rest,
      },
    ],
  });
  beforeEach(() => tree({ f: "x" }));

  test("keeps what the plan does not name", async () => {
    const root = await base("oci");
    const names: string[] = [];
    const [built] = await build(
      image({
        config: {
          env: { A: "plan", B: "2" },
          workdir: "app",
          labels: { b: "2" },
          ports: ["2/udp"],
          user: "7",
          entrypoint: ["/new"],
        },
      }),
      on(root, names),
    );
    expect(names).toEqual(["node:24"]);
    const { config } = await parts(built!, built!.platforms[0]!.descriptor);
    expect(config).toMatchObject({
      "x-kept": 1,
      config: {
        Env: ["PATH=/bin", "A=plan", "B=2"],
        Entrypoint: ["/new"],
        WorkingDir: "/srv/app",
        Labels: { a: "1", b: "2" },
        ExposedPorts: { "1/tcp": {}, "2/udp": {} },
        User: "7",
      },
    });
    expect(config.config?.Cmd).toBeUndefined();
    expect(config.history?.map((entry) => entry.created_by)).toEqual(["base", "gantry: COPY ./f -> /f"]);
    const { manifest } = await parts(built!, built!.platforms[0]!.descriptor);
    const index = parseIndex(await built!.store.manifest(built!.root), built!.root.mediaType);
    expect(manifest.annotations?.[ANNOTATIONS.baseName]).toBe("docker.io/library/node:24");
    expect(index.annotations?.[ANNOTATIONS.baseDigest]).toBe(root.digest);
  });

  test.each<[string, object, string[] | undefined, string[] | undefined]>([
    ["neither", {}, ["/old"], ["arg"]],
    ["cmd alone", { cmd: ["c"] }, ["/old"], ["c"]],
    ["entrypoint alone clears cmd", { entrypoint: ["e"] }, ["e"], undefined],
    ["both are kept", { entrypoint: ["e"], cmd: ["c"] }, ["e"], ["c"]],
    ["an empty entrypoint clears both", { entrypoint: [] }, [], undefined],
  ])("entrypoint and cmd: %s", async (_name, config, entrypoint, cmd) => {
    const [built] = await build(image({ config }), on(await base("oci")));
    const { config: run } = (await parts(built!, built!.platforms[0]!.descriptor)).config;
    expect([run?.Entrypoint, run?.Cmd]).toEqual([entrypoint, cmd]);
  });

  test("of Docker's family makes an image of that family throughout", async () => {
    const [built] = await build(image(), on(await base("docker")));
    for await (const node of bottomUp(built!.store, built!.root))
      expect(node.mediaType).toMatch(/^application\/vnd\.docker\./);
    await expect(build(image({ annotations: { a: "b" } }), on(await base("docker")))).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
    await expect(build(image({ compression: "zstd" }), on(await base("docker")))).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  test("of Docker's family becomes OCI where asked", async () => {
    const [built] = await build(image({ family: "oci", annotations: { a: "b" } }), on(await base("docker")));
    for await (const node of bottomUp(built!.store, built!.root))
      expect(node.mediaType).toMatch(/^application\/vnd\.oci\./);
  });

  test("without the platform is refused, naming those that it has", async () => {
    await expect(build(image({ platforms: "linux/s390x" }), on(await base("oci")))).rejects.toMatchObject({
      code: "PLATFORM_NOT_FOUND",
      message: "the base node:24 has no image for linux/s390x",
      hint: "Platforms there: linux/amd64, linux/arm64.",
    });
  });

  test("that is not found fails the build with its error and the image's name", async () => {
    await expect(build(image())).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN", facts: { image: "a" } });
  });

  test("with a merged /usr gets a warning for /bin", async () => {
    const warnings: string[] = [];
    await build(image({ layers: [{ files: { "./f": "/bin/f" } }] }), {
      ...on(await base("oci")),
      onEvent: (event) => void (event.type === "warning" && warnings.push(event.message)),
    });
    expect(warnings[0]).toContain("write /usr/bin/f");
  });
});

describe("refused", () => {
  const yaml = (source: string, destination = "/x") =>
    `images:\n- name: a\n  platforms: linux/amd64\n  layers:\n  - files: { ${source}: ${destination} }\n`;

  test("a source that is not there, with the plan's line", async () => {
    await tree({ "dist/f": "" });
    await expect(build(yaml("./dits"))).rejects.toMatchObject({
      code: "FILE_NOT_FOUND",
      message: "source ./dits does not exist",
      where: "gantry.yaml:5:14",
      hint: 'Did you mean "./dist"?',
    });
    await expect(build(yaml('"./${PLATFORM_ARCH}/x"'))).rejects.toMatchObject({
      message: "source ./amd64/x does not exist for linux/amd64",
    });
  });

  test("a link that leads out of the plan's folder, though not one that is copied as a link", async () => {
    const outside = await mkdtemp(join(tmpdir(), "gantry-outside-"));
    try {
      await tree({ secret: "s" }, outside);
      await tree({
        "plan/out": `->${outside}/secret`,
        "plan/in": "->real",
        "plan/real": "r",
        "plan/d/out": `->${outside}`,
      });
      const directory = join(folder, "plan");
      await expect(build(yaml("./out"), { directory })).rejects.toMatchObject({ code: "PLAN_INVALID" });
      await expect(build(yaml("./d/out/secret"), { directory })).rejects.toMatchObject({ code: "PLAN_INVALID" });
      expect((await entriesOf((await build(yaml("./in"), { directory }))[0]!))[0]?.text).toBe("r");
      expect((await entriesOf((await build(yaml("./d"), { directory }))[0]!))[1]?.type).toBe("symlink");
      expect((await entriesOf((await build(yaml(`${outside}/secret`), { directory }))[0]!))[0]?.text).toBe("s");
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test("a file where a directory has to be, naming both", async () => {
    await tree({ "d/f": "", x: "" });
    await expect(build(one({ "./x": "/app", "./d": "/app" }))).rejects.toThrow(
      /\/app would be a directory and a file at once: \.\/x .* and \.\/d /,
    );
    await expect(build(one({ "./x": "/app", "./d/f": "/app/f" }))).rejects.toMatchObject({ code: "PLAN_INVALID" });
    await expect(build(one({ "./d/f": "/app/f", "./x": "/app" }))).rejects.toMatchObject({ code: "PLAN_INVALID" });
  });

  test("sockets, and names that would delete", async () => {
    await tree({ "d/f": "", "w/.wh.f": "" });
    const server = createServer();
    await new Promise<void>((done) => server.listen(join(folder, "d/socket"), done));
    try {
      await expect(build(one({ "./d": "/d" }))).rejects.toThrow("./d/socket is a socket");
      await build(one({ "./d": "/d" }, { exclude: ["socket"] }));
    } finally {
      await new Promise((done) => server.close(done));
    }
    await expect(build(one({ "./w": "/w" }))).rejects.toMatchObject({ code: "UNSUPPORTED" });
  });

  test.each<[string, (path: string) => Promise<void>]>([
    ["grows", (path) => writeFile(path, "x".repeat(300_001))],
    ["shrinks", (path) => writeFile(path, "x")],
    ["is rewritten", (path) => writeFile(path, "y".repeat(300_000))],
    ["is replaced", async (path) => (await writeFile(`${path}.new`, "y".repeat(300_000)), rename(`${path}.new`, path))],
    ["is removed", (path) => rm(path)],
  ])("a file that %s while it is read, by its name", async (_name, act) => {
    await tree({ "d/big": "x".repeat(300_000), "d/zzz": "z" });
    await settle();
    const before = [...(await list())];
    const failing = build(one({ "./d": "/d" }), {
      read: async function* (file, signal) {
        if (file.shown === "./d/big") await act(join(folder, "d/big"));
        yield* readSource(file, signal);
      },
    });
    // Replaced after the listing and before the first byte, or while it is read: the same to the reader.
    const error = await failing.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toMatchObject({ code: "SOURCE_CHANGED" });
    expect((error as Error).message).toContain("./d/big");
    expect(await list()).toEqual(before);

    async function list(): Promise<string[]> {
      const names: string[] = [];
      for await (const name of local.tags.list()) names.push(name);
      return names;
    }
  });

  test("unknown targets", async () => {
    const plan: PlanInput = { images: [{ name: "hello" }, { name: "world" }] };
    await expect(build(plan, { targets: ["helo"] })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: "unknown targets: helo",
      hint: 'Did you mean "hello"?',
    });
    expect((await build(plan, { targets: ["world"] })).map((image) => image.name)).toEqual(["world"]);
  });

  test("a build that is stopped says so and nothing else", async () => {
    await tree({ f: "x".repeat(1_000_000) });
    const stop = new AbortController();
    await expect(
      build(one({ "./f": "/f" }), {
        signal: stop.signal,
        read: async function* (file, signal) {
          stop.abort(new GantryError("INTERRUPTED", "stopped"));
          yield* readSource(file, signal);
        },
      }),
    ).rejects.toMatchObject({ code: "INTERRUPTED" });
  });

  test("one bad image stops the others with its own error", async () => {
    await tree({ f: "x" });
    const plan: PlanInput = {
      images: [
        { name: "good", layers: [{ files: { "./f": "/f" } }] },
        { name: "bad", layers: [{ files: { "./nothing": "/f" } }] },
      ],
    };
    await expect(build(plan)).rejects.toMatchObject({ code: "FILE_NOT_FOUND", facts: { image: "bad" } });
  });
});
