import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { gantryCommand } from "./gantry.js";
import { majors, nodeOf } from "./nodes.mjs";
import { removeFolder, run, temporaryFolder } from "./processes.js";

// Two machines' worth of differences must give one digest. Every build starts with an empty cache and an empty HOME:
// a digest that only a cache keeps stable is not reproducible.
let work: string;
let expected: Digests;

interface Digests {
  readonly manifest: string;
  readonly config: string;
  readonly layers: readonly string[];
  readonly diffIds: readonly string[];
}

interface Variation {
  readonly what: string;
  readonly node?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Makes the files another way. */
  readonly files?: MakeFiles;
  readonly umask?: string;
  /** Run as nobody. Needs root. */
  readonly nobody?: boolean;
}

interface MakeFiles {
  readonly compression?: string;
  readonly reversed?: boolean;
  readonly umask?: number;
  readonly times?: Date;
  readonly deep?: boolean;
}

beforeAll(async () => {
  work = temporaryFolder();
  chmodSync(work, 0o755);
  expected = await build({ what: "the reference" });
});
afterAll(() => removeFolder(work));

test("the reference has two platforms' worth of layers", () => {
  expect(expected.layers).toHaveLength(4);
  expect(expected.diffIds).toHaveLength(4);
});

describe("the same digest", () => {
  const variations: Variation[] = [
    { what: "a second time" },
    { what: "files made under umask 077", files: { umask: 0o077 } },
    { what: "run under umask 077", umask: "077" },
    { what: "run under umask 000", umask: "000" },
    { what: "other modification times", files: { times: new Date("1999-12-31T23:59:59.123Z") } },
    { what: "files made in the opposite order", files: { reversed: true } },
    { what: "files in a deeper folder", files: { deep: true } },
    { what: "another time zone", env: { TZ: "Pacific/Kiritimati" } },
    { what: "another locale", env: { LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" } },
    { what: "the C locale", env: { LANG: "C", LC_ALL: "C" } },
    { what: "another host name and user in the environment", env: { HOSTNAME: "elsewhere", USER: "somebody" } },
    { what: "one thread", env: { UV_THREADPOOL_SIZE: "1" } },
  ];
  for (const variation of variations) {
    test(variation.what, async () => {
      expect(await build(variation)).toEqual(expected);
    });
  }

  test.skipIf(process.getuid?.() !== 0 || process.platform !== "linux")("as another user", async () => {
    expect(await build({ what: "nobody", nobody: true })).toEqual(expected);
  });

  for (const major of majors) {
    test(`on Node ${major}`, async (context) => {
      let node: string;
      try {
        node = nodeOf(major);
      } catch (error) {
        if (process.env["CI"] === "true") throw error;
        console.warn(`skipped: ${String(error)}`);
        return context.skip();
      }
      expect(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout).toMatch(new RegExp(`^v${major}\\.`));
      expect(await build({ what: `Node ${major}`, node })).toEqual(expected);
    });
  }
});

// zstd's bytes are its library's: Node 22 and later bring one, Node 20 takes an add-on with another. What is inside
// them does not depend on it.
test("with zstd, what is inside is the same on every Node", async (context) => {
  const inside = new Set<string>();
  const outside = new Map<string, string>();
  for (const major of majors) {
    try {
      const { config, diffIds, manifest } = await build({
        what: major,
        node: nodeOf(major),
        files: { compression: "zstd" },
      });
      inside.add(JSON.stringify({ config, diffIds }));
      outside.set(major, manifest);
    } catch (error) {
      if (process.env["CI"] === "true" || !String(error).includes("npm install")) throw error;
      console.warn(`skipped: ${String(error)}`);
      return context.skip();
    }
  }
  expect([...inside]).toEqual([JSON.stringify({ config: expected.config, diffIds: expected.diffIds })]);
  expect(new Set(majors.filter((major) => Number(major) >= 22).map((major) => outside.get(major))).size).toBe(1);
});

let count = 0;

async function build({ node, env, files, umask, nobody }: Variation): Promise<Digests> {
  const folder = join(work, `${++count}`);
  mkdirSync(folder);
  const project = makeFiles(files?.deep === true ? join(folder, "some/where/deeper down") : folder, files ?? {});
  const output = join(folder, "output");
  const home = join(folder, "home");
  for (const made of [output, home]) mkdirSync(made);
  if (nobody === true) {
    for (const made of [output, home]) spawnSync("chown", ["65534:65534", made]);
  }
  const { command, args } = gantryCommand(node);
  const words = [command, ...args, "build", "-f", join(project, "gantry.yaml"), "-t", `oci:${output}/layout:1`];
  const prefix = nobody === true ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const shell = ["sh", "-c", `umask ${umask ?? "022"}; exec "$@"`, "sh"];
  const all = [...prefix, ...shell, ...words];
  const place = { HOME: home, XDG_DATA_HOME: join(home, "data"), XDG_CACHE_HOME: join(home, "cache") };
  await run(all[0]!, all.slice(1), { env: { SOURCE_DATE_EPOCH: undefined, ...place, ...env }, cwd: folder });
  return digestsOf(join(output, "layout"));
}

/** A project with what build tools trip over: order, modes, links, odd names, and enough bytes for several deflate blocks. */
function makeFiles(folder: string, { reversed, umask, times, compression }: MakeFiles): string {
  const before = process.umask(umask ?? 0o022);
  try {
    const project = join(folder, "project");
    mkdirSync(join(project, "app/nested/deeper"), { recursive: true });
    mkdirSync(join(project, "app/empty"));
    const made: [string, () => void][] = [
      ["app/z.txt", () => writeFileSync(join(project, "app/z.txt"), "z\n")],
      ["app/a.txt", () => writeFileSync(join(project, "app/a.txt"), "a\n")],
      ["app/I.txt", () => writeFileSync(join(project, "app/I.txt"), "upper case\n")],
      ["app/i.txt", () => writeFileSync(join(project, "app/i.txt"), "lower case\n")],
      ["app/ünïcode", () => writeFileSync(join(project, "app/ünïcode"), "text\n")],
      ["app/nested/run", () => writeFileSync(join(project, "app/nested/run"), "#!/bin/sh\n", { mode: 0o777 })],
      ["app/nested/deeper/words", () => writeFileSync(join(project, "app/nested/deeper/words"), words(4_000_000))],
      ["app/nested/deeper/empty", () => writeFileSync(join(project, "app/nested/deeper/empty"), "")],
      ["app/link", () => symlinkSync("nested/run", join(project, "app/link"))],
    ];
    for (const [, make] of reversed === true ? made.toReversed() : made) make();
    const image = {
      name: "app",
      platforms: ["linux/amd64", "linux/arm64/v8"],
      ...(compression === undefined ? {} : { compression }),
      layers: [{ files: { "./app": "/app" }, owner: "1000:1000" }, { files: { "./app/nested/run": "/usr/bin/run" } }],
      config: { entrypoint: ["/usr/bin/run"], env: { B: "2", A: "1" }, labels: { z: "1", a: "2" } },
      annotations: { z: "1", a: "2" },
    };
    writeFileSync(join(project, "gantry.yaml"), JSON.stringify({ images: [image] }));
    if (times !== undefined) {
      for (const name of readdirSync(project, { recursive: true, encoding: "utf8" })) {
        if (!name.endsWith("link")) utimesSync(join(project, name), times, times);
      }
    }
    return project;
  } finally {
    process.umask(before);
  }
}

/** Text that compresses as text does, the same every time. */
function words(size: number): string {
  let state = 42;
  let text = "";
  while (text.length < size) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += `${(state >>> 8).toString(36).slice(0, 2 + (state % 5))}${state % 11 === 0 ? "\n" : " "}`;
  }
  return text;
}

function digestsOf(layout: string): Digests {
  type Node = { digest: string; manifests?: Node[]; config?: Node; layers?: Node[]; rootfs?: { diff_ids: string[] } };
  const read = ({ digest }: Node): Node =>
    JSON.parse(readFileSync(join(layout, "blobs", digest.replace(":", "/")), "utf8")) as Node;
  const top = (JSON.parse(readFileSync(join(layout, "index.json"), "utf8")) as Node).manifests![0]!;
  const images = read(top).manifests!.map(read);
  return {
    manifest: top.digest,
    config: images.map((image) => image.config!.digest).join(" "),
    layers: images.flatMap((image) => image.layers!.map(({ digest }) => digest)),
    diffIds: images.flatMap((image) => read(image.config!).rootfs!.diff_ids),
  };
}
