import { spawn } from "node:child_process";
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { GANTRY, Sandbox } from "./gantry-cli.js";

let box: Sandbox;
let registry: RunningRegistry;
let image: string;
beforeAll(async () => {
  box = await Sandbox.create();
  registry = await serve({ root: box.path("registry"), durable: false });
  image = `${registry.host}/app:1`;
  await mkdir(box.path("site"));
  await writeFile(box.path("site/index.html"), "hello");
  await writeFile(
    box.path("gantry.yaml"),
    `images:
  - name: app
    platforms: [linux/amd64, linux/arm64]
    layers: [{ files: { ./site: /srv } }]
    config: { labels: { evil: "\\e[31mred\\nDigest: sha256:fake" } }
    tags: ["${image}"]
`,
  );
  await box.ok(["build", "--push"]);
});
afterAll(async () => {
  await registry.close();
  await box[Symbol.asyncDispose]();
});

interface ErrorObject {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}

describe("what is asked wrongly", () => {
  it.each([
    [["nope"], "USAGE", 2],
    [["help", "nope"], "USAGE", 2],
    [["help", "copy", "extra"], "USAGE", 2],
    [["copy", "a"], "USAGE", 2],
    [["push", "a", "--retry-delay", "junk"], "USAGE", 2],
    [["push", "a", "--retry", "-1"], "USAGE", 2],
    [["push", "a", "--concurrency", "0"], "USAGE", 2],
    [["digest", "a", "--creds", "nocolon"], "USAGE", 2],
    [["digest", "a", "--creds", "a:b", "--registry-token", "c"], "USAGE", 2],
    [["digest", "a", "--platform", "linux/amd64,linux/arm64"], "USAGE", 2],
    [["inspect", "a", "--raw", "--tree"], "USAGE", 2],
    [["completion", "tcsh"], "USAGE", 2],
    [["login", "localhost:1", "-u", "x"], "USAGE", 2],
    [["serve", "--listen", "nowhere"], "USAGE", 2],
    [["copy", "oci:./nothing:1", "oci:./x:1"], "FILE_NOT_FOUND", 3],
  ] as const)("%j is one error, as text and as an object", async (args, code, exit) => {
    const json = await box.run([...args, "--json"]);
    const { error } = JSON.parse(json.stdout) as ErrorObject;
    expect({ code: error.code, exit: json.code, stderr: json.stderr }).toEqual({ code, exit, stderr: "" });
    const text = await box.run(args);
    expect(text.code).toBe(exit);
    expect(text.stdout).toBe("");
    expect(text.stderr.split("\n")).toHaveLength(2);
    expect(text.stderr).toContain(error.message);
  });
});

describe("credentials that cannot be read", () => {
  const config = async (text: string): Promise<Record<string, string>> => {
    await mkdir(box.path("docker"), { recursive: true });
    await writeFile(box.path("docker/config.json"), text);
    return { DOCKER_CONFIG: box.path("docker") };
  };

  it("a broken config.json is named", async () => {
    const ran = await box.run(["digest", image], { env: await config('{"auths": {') });
    // Where nobody asks for credentials the file does not matter; where it is read it is named.
    if (ran.code !== 0) expect(ran.stderr).toContain("docker/config.json");
    await using guarded = await serve({
      root: box.path("guarded"),
      durable: false,
      auth: { users: new Map([["ci", "secret"]]) },
    });
    const refused = await box.run(["digest", `${guarded.host}/x:1`], { env: await config('{"auths": {') });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("docker/config.json");
    const helper = await box.run(["digest", `${guarded.host}/x:1`], { env: await config('{"credsStore": "nowhere"}') });
    expect(helper.code).toBe(4);
    expect(helper.stderr).toContain("docker-credential-nowhere");
    expect(helper.stderr.split("\n")).toHaveLength(2);
    const missing = await box.run(["digest", `${guarded.host}/x:1`, "--authfile", "/nothing.json"]);
    expect(missing).toMatchObject({ code: 3, stdout: "" });
    expect(missing.stderr).toContain("/nothing.json");
  });
});

describe("output", () => {
  it("-h, --help, help and nothing at all print help on stdout and end well", async () => {
    for (const args of [[], ["-h"], ["--help"], ["help"]]) {
      const ran = await box.run(args);
      expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: "" });
      expect(ran.stdout).toMatch(/^Usage: gantry COMMAND/);
      expect(ran.stdout).not.toContain("__complete");
    }
    for (const { name } of COMMANDS.groups.flatMap(({ commands }) => commands)) {
      const [a, b] = await Promise.all([box.ok([...name.split(" "), "--help"]), box.ok(["help", ...name.split(" ")])]);
      expect(a).toBe(b);
      expect(a).toContain("Examples:");
    }
  });

  it("--version, and common options before the command", async () => {
    expect(await box.ok(["--version"])).toMatch(/^gantry \d+\.\d+\.\d+\n$/);
    expect(JSON.parse(await box.ok(["--json", "-q", "digest", image]))).toMatchObject({ name: image });
  });

  it("under --json is one object, of every command that reads or writes", async () => {
    for (const args of [
      ["copy", image, "oci:./out:1"],
      ["copy", "--dry-run", image, "oci:./out2:1"],
      ["pull", image],
      ["push", image, `${registry.host}/pushed:1`],
      ["build"],
      ["inspect", image],
      ["inspect", "--tree", image],
      ["digest", image],
      ["ls", `${registry.host}/app`],
      ["ls", "oci:./out"],
      ["catalog", registry.host],
      ["validate", image],
      ["images"],
      ["rm", "--dry-run", image],
      ["logout", "localhost:1"],
      ["version"],
      ["help"],
      ["help", "copy"],
      ["completion", "bash"],
    ]) {
      const ran = await box.run([...args, "--json", "--quiet"]);
      expect({ args, code: ran.code, stderr: ran.stderr }).toEqual({ args, code: 0, stderr: "" });
      expect(JSON.parse(ran.stdout)).not.toHaveProperty("error");
      expect(ran.stdout.trimEnd()).not.toContain("\n");
    }
  });

  it("has no colours and moves no cursor without a terminal, whatever a label holds", async () => {
    const ran = await box.run(["inspect", "--platform", "linux/amd64", image], { env: { TERM: "xterm-256color" } });
    expect(ran.stdout).not.toContain("\u001b");
    expect(ran.stdout.match(/^Digest:/gm)).toHaveLength(1);
    const tree = await box.run(["inspect", "--tree", image]);
    expect(tree.stdout + tree.stderr).not.toContain("\u001b");
  });

  it("--quiet leaves nothing on stderr, --verbose says why, --debug shows requests", async () => {
    expect((await box.run(["copy", "-q", image, `${registry.host}/q:1`])).stderr).toBe("");
    expect((await box.run(["copy", "-v", image, `${registry.host}/v:1`])).stderr).toMatch(/^mount sha256:/m);
    expect((await box.run(["copy", "--debug", image, `${registry.host}/d:1`])).stderr).toMatch(/^POST http/m);
  });

  it("a reader that has seen enough is no error", async () => {
    for (const args of [["ls", `${registry.host}/app`], ["manifest", "get", image], ["help"], ["inspect", image]]) {
      const code = await new Promise((resolve) => {
        const child = spawn(process.execPath, [GANTRY, ...args], {
          env: { PATH: process.env["PATH"] ?? "", HOME: box.root },
          stdio: ["ignore", "pipe", "ignore"],
        });
        child.stdout.destroy();
        child.once("close", resolve);
      });
      expect({ args, code }).toEqual({ args, code: 0 });
    }
  });

  it("a list that breaks off ends as JSON with the error in it", async () => {
    const server = createServer((request, response) => {
      if (request.url?.includes("last=") === true) response.writeHead(500).end();
      else
        response
          .writeHead(200, { "content-type": "application/json", link: '</v2/app/tags/list?last=b>; rel="next"' })
          .end('{"name":"app","tags":["a","b"]}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const repository = `127.0.0.1:${(server.address() as AddressInfo).port}/app`;
    const ran = await box.run(["ls", repository, "--json", "-q", "--retry", "0"]);
    const text = await box.run(["ls", repository, "-q", "--retry", "0"]);
    server.close();
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      repository,
      tags: ["a", "b"],
      error: { code: "REGISTRY_UNAVAILABLE" },
    });
    expect(text).toMatchObject({ code: 1, stdout: "a\nb\n" });
  });

  it("says what is tried again, and as an event", async () => {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(asked % 2 === 1 ? 503 : 404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const text = await box.run(["digest", `${host}/x:1`, "--retry-delay", "1ms"]);
    const events = await box.run(["copy", `${host}/x:1`, "oci:./x:1", "--retry-delay", "1ms", "--progress=json"]);
    server.close();
    expect(text.stderr).toContain(`${host}: it answered 503; trying again.`);
    expect(events.stderr).toContain(`{"type":"retry","destination":"${host}","reason":"it answered 503","delay":1}`);
  });
});

describe("rm", () => {
  it("goes on after a name that fails, and says so", async () => {
    await box.ok(["copy", image, `${registry.host}/many:1`, `${registry.host}/many:2`]);
    const ran = await box.run([
      "rm",
      `${registry.host}/many:1`,
      `${registry.host}/many:nope`,
      `${registry.host}/many:2`,
    ]);
    expect(ran.code).toBe(5);
    expect(ran.stdout).toBe(`${registry.host}/many:1\n${registry.host}/many:2\n`);
    expect(ran.stderr).toMatch(/many:nope[\s\S]*1 of 3 names could not be removed/);
    const json = await box.run(["rm", image.replace(":1", ":no"), image.replace(":1", ":nope"), "--json"]);
    expect(json.code).toBe(5);
    const object = JSON.parse(json.stdout) as ErrorObject & { removed: unknown[]; failed: unknown[] };
    expect(object).toMatchObject({ removed: [], error: { code: "BATCH_FAILED" } });
    expect(object.failed).toHaveLength(2);
    expect((await box.run(["rm", image.replace(":1", ":no")])).code).toBe(3);
  });

  it("of an image of gantry's own store gives its space back with the last name", async () => {
    const env = { XDG_DATA_HOME: box.path("own") };
    await box.ok(["pull", image, "local:own:1"], { env });
    await box.ok(["copy", "local:own:1", "local:own:2"], { env });
    await box.ok(["rm", "local:own:1"], { env });
    const left = JSON.parse(await box.ok(["images", "--json"], { env })) as { images: { name: string }[] };
    expect(left.images.map(({ name }) => name)).toEqual([expect.stringContaining("own:2")]);
    await box.ok(["validate", "local:own:2"], { env });
    // What is younger than an hour stays: somebody may be about to name it.
    const blobs = async (): Promise<string[]> =>
      (await readdir(box.path("own"), { recursive: true })).filter((file) => /[0-9a-f]{64}$/.test(file));
    for (const file of await blobs()) await utimes(box.path("own", file), 0, 0);
    await box.ok(["rm", "local:own:2"], { env });
    expect(await box.ok(["images", "--json"], { env })).toBe('{"images":[]}\n');
    expect(await blobs()).toEqual([]);
  });
});

describe("a file that cannot be written", () => {
  it("is named, and leaves nothing", async () => {
    const { digest } = JSON.parse(await box.ok(["digest", "--json", "--platform", "linux/amd64", image])) as {
      digest: string;
    };
    const tree = JSON.parse(await box.ok(["inspect", "--json", `${registry.host}/app@${digest}`])) as {
      layers: { digest: string }[];
    };
    const blob = `${registry.host}/app@${tree.layers[0]!.digest}`;
    const ran = await box.run(["blob", "get", blob, "-o", "nowhere/file"]);
    expect(ran.code).toBe(3);
    expect(ran.stderr).toMatch(/^gantry: no such file or directory \(.*nowhere\/file.*\)\.\n$/);
    await box.ok(["blob", "get", blob, "-o", "file"]);
    expect(await readdir(box.root)).not.toContainEqual(expect.stringMatching(/^file\.gantry-/));
  });
});
