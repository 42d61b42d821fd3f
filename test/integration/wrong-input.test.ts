import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { testAuthority } from "../support/certificates.js";
import { type Ran, Sandbox } from "./gantry-cli.js";

let box: Sandbox;
let registry: RunningRegistry;

beforeAll(async () => {
  box = await Sandbox.create();
  registry = await serve({ root: box.path("registry"), durable: false });
  await mkdir(box.path("files"));
  await writeFile(box.path("files/a.txt"), "a");
});
afterAll(async () => {
  await registry.close();
  await box[Symbol.asyncDispose]();
});

const plan = (body: string) => writeFile(box.path("gantry.yaml"), body);

/** One line that says what, where and what to do; the right exit code; under --json the same as an object. */
async function expectOneError(
  args: string[],
  code: number,
  text: RegExp,
  env: Record<string, string> = {},
): Promise<Ran> {
  const ran = await box.run([...args, "-q"], { env });
  expect({ code: ran.code, stderr: ran.stderr }).toMatchObject({ code });
  expect(ran.stderr.trim().split("\n")).toHaveLength(1);
  expect(ran.stderr).toMatch(/^gantry: /);
  expect(ran.stderr).toMatch(text);
  expect(ran.stderr).not.toMatch(/\n\s+at /);
  expect(ran.stdout).toBe("");
  const json = await box.run([...args, "--json", "-q"], { env });
  expect(json.code).toBe(code);
  const { error } = JSON.parse(json.stdout) as { error: { code: string; message: string } };
  expect(error.code).toMatch(/^[A-Z_]+$/);
  expect(ran.stderr).toContain(error.message);
  return ran;
}

const IMAGE = (rest: string) => `images:\n  - name: app\n    platforms: [linux/amd64]\n${rest}`;

describe("wrong input", () => {
  beforeEach(async () => {
    await plan(IMAGE(`    layers:\n      - files: { ./files: /srv }\n    tags: ["${registry.host}/app:1"]\n`));
  });

  it("an unknown key of a plan: line, column, and what was meant", async () => {
    await plan(IMAGE("    layrs:\n      - files: { ./files: /srv }\n"));
    await expectOneError(["build"], 2, /gantry\.yaml:4:5: unknown key "layrs"\. Did you mean "layers"\?/);
  });

  it("a plan that is no YAML", async () => {
    await plan("images: [");
    await expectOneError(["build"], 2, /gantry\.yaml:1:\d+/);
  });

  it("no plan at all", async () => {
    await expectOneError(["build", "-f", "nope.yaml"], 3, /no such plan file \(.*nope\.yaml\)/);
  });

  it("a missing source file, named with its line", async () => {
    await plan(IMAGE("    layers:\n      - files: { ./nothing: /srv }\n"));
    await expectOneError(["build"], 3, /nothing/);
  });

  it("a variable that nobody set", async () => {
    await plan(IMAGE('    layers:\n      - files: { "./${NOWHERE}": /srv }\n'));
    await expectOneError(["build"], 2, /gantry\.yaml:5:\d+.*NOWHERE/);
  });

  it("a base that is not there", async () => {
    await plan(IMAGE(`    base: ${registry.host}/base:1\n    layers:\n      - files: { ./files: /srv }\n`));
    await expectOneError(["build"], 3, /the base cannot be had: .*base:1/);
  });

  it("a platform that the base does not have", async () => {
    await plan(
      `images:\n  - name: base\n    platforms: [linux/amd64, linux/arm64]\n    layers:\n      - files: { ./files: /srv }\n    tags: ["${registry.host}/base:2"]\n`,
    );
    await box.ok(["build", "--push"]);
    await plan(
      `images:\n  - name: app\n    base: ${registry.host}/base:2\n    platforms: [linux/riscv64]\n    layers:\n      - files: { ./files: /srv }\n`,
    );
    await expectOneError(["build"], 3, /linux\/riscv64.*linux\/amd64, linux\/arm64/);
  });

  it.each([
    ["an upper-case repository", "localhost:5000/App:1", /lower case/],
    ["a tag with a slash", "localhost:5000/app:a/b", /invalid reference/],
    ["a broken digest", "localhost:5000/app@sha256:12", /invalid digest/],
    ["an unknown transport", "foo://app", /unknown transport "foo"/],
    ["nothing after the transport", "oci:", /path is missing/],
  ])("%s", async (_, name, text) => {
    await expectOneError(["digest", name], 2, text);
    await expectOneError(["copy", `${registry.host}/base:2`, name], 2, text);
  });

  it("a name that is not there, with those that are", async () => {
    const ran = await expectOneError(["digest", `${registry.host}/base:3`], 3, /manifest unknown|unknown/);
    expect(ran.stderr).toContain("base:3");
  });

  it("an image that is nowhere here", async () => {
    await expectOneError(
      ["push", "nowhere:1", `${registry.host}/x:1`],
      3,
      /no image .*nowhere:1 in gantry's own store/,
    );
  });

  it("credentials that are missing, and that are wrong", async () => {
    await using guarded = await serve({
      root: box.path("guarded"),
      durable: false,
      auth: { users: new Map([["ci", "secret"]]) },
    });
    await expectOneError(["copy", `${registry.host}/base:2`, `${guarded.host}/x:1`], 4, /gantry login/);
    const ran = await expectOneError(
      ["copy", `${registry.host}/base:2`, `${guarded.host}/x:1`, "--dest-creds", "ci:wrong-one"],
      4,
      /--creds/,
    );
    expect(ran.stderr).not.toContain("wrong-one");
    const debug = await box.run([
      "copy",
      `${registry.host}/base:2`,
      `${guarded.host}/x:1`,
      "--dest-creds",
      "ci:wrong-one",
      "--debug",
    ]);
    expect(debug.stderr + debug.stdout).not.toContain("wrong-one");
    expect(debug.stderr + debug.stdout).not.toContain(Buffer.from("ci:wrong-one").toString("base64"));
    await box.ok(["copy", `${registry.host}/base:2`, `${guarded.host}/x:1`, "--dest-creds", "ci:secret"]);
    await box.ok(["login", guarded.host, "-u", "ci", "--password-stdin"], { input: "secret\n" });
    await box.ok(["digest", `${guarded.host}/x:1`]);
    await box.ok(["logout", guarded.host]);
    await expectOneError(["digest", `${guarded.host}/x:1`], 4, /gantry login/);
    const refused = await box.run(["login", guarded.host, "-u", "ci", "--password-stdin"], { input: "nope\n" });
    expect(refused.code).toBe(4);
  });

  it("a certificate that nobody trusts; with it, and without looking, it works", async () => {
    const authority = await testAuthority();
    const { cert, key } = await authority.issue("127.0.0.1");
    await using secure = await serve({ root: box.path("secure"), durable: false, tls: { cert, key } });
    await expectOneError(["copy", `${registry.host}/base:2`, `${secure.host}/x:1`], 1, /certificate.*--cert-dir/);
    await mkdir(box.path("certs"));
    await writeFile(box.path("certs/ca.crt"), authority.ca);
    await box.ok(["copy", `${registry.host}/base:2`, `${secure.host}/x:1`, "--dest-cert-dir", box.path("certs")]);
    await box.ok(["digest", `${secure.host}/x:1`, "--tls-verify=false"]);
  });

  it("a registry that is not one, and one that is not there", async () => {
    const other = createServer((_, response) =>
      response.writeHead(404, { "content-type": "text/html" }).end("<html><h1>It works</h1></html>"),
    );
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const ran = await box.run(["digest", `${host}/x:1`]);
    expect(ran.code).toBeGreaterThan(0);
    expect(ran.stderr.trim().split("\n")).toHaveLength(1);
    other.close();
    await expectOneError(["digest", `${host}/x:1`, "--retry", "0"], 1, new RegExp(host));
  });

  it("a full disk: the reason, nothing at the final name", async (context) => {
    await mkdir(box.path("small"), { recursive: true });
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", box.path("small")]);
    if (mounted.status !== 0) {
      if (process.env["CI"]) throw new Error("a small tmpfs could not be mounted");
      console.log("skipped: mounting a small tmpfs needs root");
      context.skip();
    }
    try {
      await mkdir(box.path("big"), { recursive: true });
      const { randomBytes } = await import("node:crypto");
      await writeFile(box.path("big/random"), randomBytes(6 * 1024 * 1024));
      await plan(
        `images:\n  - name: big\n    platforms: [linux/amd64]\n    layers:\n      - files: { ./big: /srv }\n    tags: ["${registry.host}/big:1"]\n`,
      );
      await expectOneError(["build"], 1, /no space|disk/i, { XDG_DATA_HOME: box.path("small") });
      expect(await filesUnder(box.path("small"))).not.toContain("index.json");
      await box.ok(["build", "--push"]);
      await expectOneError(
        ["copy", `${registry.host}/big:1`, `oci:${box.path("small/layout")}:1`],
        1,
        /no space|disk/i,
      );
      expect(await filesUnder(box.path("small/layout"))).not.toContain("index.json");
    } finally {
      spawnSync("umount", [box.path("small")]);
    }
  });

  it("an interrupt in a build and in a push: 130, one line, nothing named, and the next run completes", async () => {
    const { randomBytes } = await import("node:crypto");
    await mkdir(box.path("much"), { recursive: true });
    for (let at = 0; at < 4; at++) await writeFile(box.path(`much/${at}`), randomBytes(24 * 1024 * 1024));
    await plan(
      `images:\n  - name: much\n    platforms: [linux/amd64]\n    layers:\n      - files: { ./much: /srv }\n    tags: ["${registry.host}/much:1"]\n`,
    );
    const build = await box.run(["build", "--progress=plain"], {
      running: (child) => setTimeout(() => child.kill("SIGINT"), 700),
    });
    expect(build.code).toBe(130);
    expect(
      build.stderr
        .trim()
        .split("\n")
        .filter((line) => line.startsWith("gantry: ")),
    ).toEqual(["gantry: interrupted. Run the same command again to go on where it stopped."]);
    expect(await box.ok(["images", "--json"])).toContain('"images":[]');
    await box.ok(["build"]);
    const push = await box.run(["push", `${registry.host}/much:1`, "--progress=json"], {
      running: (child, stderr) => {
        const timer = setInterval(() => {
          if (!stderr().includes("blob-start")) return;
          clearInterval(timer);
          child.kill("SIGINT");
        }, 5);
        child.once("exit", () => clearInterval(timer));
      },
    });
    expect(push.code).toBe(130);
    await expectOneError(["digest", `${registry.host}/much:1`], 3, /unknown/);
    await box.ok(["push", `${registry.host}/much:1`]);
    await box.ok(["validate", `${registry.host}/much:1`]);
  });
});

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
