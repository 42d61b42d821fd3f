import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Gantry, type SyncReport, type SyncRequest } from "../../src/gantry.js";
import { type RunningRegistry, serve } from "../../src/server/index.js";
import { pushSmallImages } from "../support/small-images.js";
import { Sandbox } from "./gantry-cli.js";

let box: Sandbox;
let from: RunningRegistry;
let to: RunningRegistry;
/** A folder for the cache of each test, so that none knows what another one saw. */
let cache = 0;
/** What the registries were asked. */
let asked: { readonly method: string; readonly path: string; readonly side: "from" | "to" }[] = [];
let seen: Map<string, string>;

const TAGS = Array.from({ length: 60 }, (_, i) => `1.${i}.0`);

beforeAll(async () => {
  box = await Sandbox.create();
  const open = (side: "from" | "to") =>
    serve({ root: box.path(side), durable: false, log: ({ method, path }) => asked.push({ method, path, side }) });
  from = await open("from");
  to = await open("to");
  seen = new Map(await pushSmallImages(from.url, "team/app", TAGS));
});
afterAll(async () => {
  await from.close();
  await to.close();
  await box[Symbol.asyncDispose]();
});
beforeEach(() => {
  cache += 1;
  asked = [];
});

const gantries: Gantry[] = [];
afterEach(async () => {
  for (const gantry of gantries.splice(0)) await gantry[Symbol.asyncDispose]();
});

function open(): Gantry {
  const gantry = new Gantry({
    cacheDir: box.path(`cache-${cache}`),
    dataDir: box.path("data"),
    cwd: box.root,
    env: { HOME: box.root },
  });
  gantries.push(gantry);
  return gantry;
}

const sync = (source: string, request: SyncRequest = {}): Promise<SyncReport> => open().sync(source, request);
const app = (): string => `${from.host}/team/app`;
const tagsAt = async (registry: RunningRegistry, repository: string): Promise<string[]> => {
  const answer = (await (await fetch(`${registry.url}/v2/${repository}/tags/list`)).json()) as { tags?: string[] };
  return answer.tags ?? [];
};

describe("a sync of sixty images", () => {
  it("brings them all, byte for byte, below the destination", async () => {
    const report = await sync(app(), { destination: `${to.host}/all` });
    expect(report.failures).toEqual([]);
    expect(report.totals).toMatchObject({ images: 60, copied: 60, skipped: 0 });
    for (const { destination, digest } of report.images)
      expect(digest).toBe(seen.get(destination.slice(destination.lastIndexOf(":") + 1)));
    expect((await tagsAt(to, "all/app")).length).toBe(60);
    // The layer that all of them share went once.
    const uploads = asked.filter(
      ({ method, path, side }) => side === "to" && method === "PUT" && path.includes("/blobs/"),
    );
    expect(uploads.length).toBeLessThanOrEqual(61);
  });

  it("asks once an image and once for the tags when there is nothing to do, and nothing at the destination", async () => {
    const request = { destination: `${to.host}/again` };
    await sync(app(), request);
    asked = [];
    const report = await sync(app(), request);
    expect(report.totals).toMatchObject({ images: 60, copied: 0, skipped: 60 });
    expect(asked.filter(({ side }) => side === "to")).toEqual([]);
    expect(asked.filter(({ method }) => method === "HEAD")).toHaveLength(60);
    expect(asked).toHaveLength(61);
  });

  it("asks nothing at all for immutable tags that it saw equal", async () => {
    const request = { destination: `${to.host}/fixed`, immutable: ["^1\\.\\d+\\.0$"] };
    await sync(app(), request);
    asked = [];
    expect((await sync(app(), request)).totals.skipped).toBe(60);
    expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v2/team/app/tags/list"]);
    asked = [];
    expect((await sync(app(), { ...request, names: TAGS })).totals.skipped).toBe(60);
    expect(asked).toEqual([]);
  });

  it("finds with --verify what went missing at the destination", async () => {
    const request = { destination: `${to.host}/verified`, names: ["1.1.0", "1.2.0"] };
    await sync(app(), request);
    await fetch(`${to.url}/v2/verified/app/manifests/1.1.0`, { method: "DELETE" });
    expect((await sync(app(), request)).totals.copied).toBe(0);
    expect((await sync(app(), { ...request, verify: true })).totals).toMatchObject({ copied: 1, skipped: 1 });
    expect((await sync(app(), { ...request, verifyAfter: 0 })).totals.skipped).toBe(2);
  });

  it("brings a tag that moved, and only that", async () => {
    await pushSmallImages(from.url, "team/moving", ["a", "b"]);
    const request = { destination: to.host };
    await sync(`${from.host}/team/moving`, request);
    const [digest] = [...(await pushSmallImages(from.url, "team/moving", ["b"], "moved")).values()];
    const report = await sync(`${from.host}/team/moving`, request);
    expect(report.images.filter(({ action }) => action === "copy")).toMatchObject([
      { destination: `${to.host}/moving:b`, digest, reason: "the source has changed" },
    ]);
  });

  it("chooses by version", async () => {
    const report = await sync(app(), { destination: `${to.host}/newest`, newest: 3, dryRun: true });
    expect(report.images.map(({ destination, status }) => [destination.split(":").at(-1), status])).toEqual(
      expect.arrayContaining([
        ["1.59.0", "planned"],
        ["1.58.0", "planned"],
        ["1.57.0", "planned"],
      ]),
    );
    expect(asked.filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual([]);
    expect(await tagsAt(to, "newest/app")).toEqual([]);
  });

  it("goes to a layout and back, and asks the disk each time", async () => {
    await sync(app(), { destination: "oci:./layout", semver: ">=1.57" });
    expect((await sync(app(), { destination: "oci:./layout", semver: ">=1.57" })).totals).toMatchObject({
      copied: 0,
      skipped: 3,
    });
    const back = await sync("oci:./layout", { destination: `${to.host}/back` });
    expect(
      back.images.map(({ destination, digest }) => `${destination} ${digest}`).toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual(["1.57.0", "1.58.0", "1.59.0"].map((tag) => `${to.host}/back/app:${tag} ${seen.get(tag)}`));
    await rm(box.path("layout"), { recursive: true });
    expect((await sync(app(), { destination: "oci:./layout", semver: ">=1.57" })).totals.copied).toBe(3);
  });
});

describe("removing what left the source", () => {
  const leave = async (repository: string, tags: readonly string[]): Promise<void> => {
    for (const tag of tags) await fetch(`${from.url}/v2/${repository}/manifests/${tag}`, { method: "DELETE" });
  };

  it("removes it, within what is meant, and says so before", async () => {
    await pushSmallImages(from.url, "gone/app", ["1.0", "1.1", "2.0", "keep"]);
    await pushSmallImages(to.url, "gone/app", [`sha256-${"a".repeat(64)}.sig`, "own"]);
    const request = { destination: `${to.host}/gone`, delete: true, allow: ["^\\d"] };
    await sync(`${from.host}/gone/app`, { destination: `${to.host}/gone` });
    await leave("gone/app", ["1.1", "keep"]);
    const planned = await sync(`${from.host}/gone/app`, { ...request, dryRun: true });
    expect(planned.images.filter(({ action }) => action === "delete")).toMatchObject([
      { destination: `${to.host}/gone/app:1.1`, status: "planned" },
    ]);
    expect(await tagsAt(to, "gone/app")).toContain("1.1");
    expect((await sync(`${from.host}/gone/app`, request)).totals.deleted).toBe(1);
    expect(await tagsAt(to, "gone/app")).toEqual(["1.0", "2.0", "keep", "own", `sha256-${"a".repeat(64)}.sig`]);
  });

  it("removes nothing when the source has nothing left, unless it is told to", async () => {
    await pushSmallImages(from.url, "empty/app", ["a"]);
    const request = { destination: `${to.host}/empty`, delete: true };
    await sync(`${from.host}/empty/app`, request);
    await leave("empty/app", ["a"]);
    const report = await sync(`${from.host}/empty/app`, request);
    expect(report.failures.map(({ error }) => error.code)).toEqual(["CONFLICT"]);
    expect(await tagsAt(to, "empty/app")).toEqual(["a"]);
    expect((await sync(`${from.host}/empty/app`, { ...request, deleteAll: true })).totals.deleted).toBe(1);
    expect(await tagsAt(to, "empty/app")).toEqual([]);
  });

  it("removes nothing when the source cannot be listed", async () => {
    await pushSmallImages(to.url, "unlisted/app", ["a"]);
    const report = await sync(`${from.host}/not/there/app`, { destination: `${to.host}/unlisted`, deleteAll: true });
    expect(report.failures).toHaveLength(1);
    expect(await tagsAt(to, "unlisted/app")).toEqual(["a"]);
  });

  it("keeps what another source brings to the same place", async () => {
    await pushSmallImages(from.url, "one/app", ["a"]);
    await pushSmallImages(from.url, "two/app", ["b"]);
    await writeFile(
      box.path("both.yaml"),
      `sync:\n${["one", "two"].map((name) => `  - { source: "${from.host}/${name}/app", dest: "${to.host}/both", delete: true }\n`).join("")}`,
    );
    await sync("both.yaml");
    const report = await sync("both.yaml");
    expect(report.totals).toMatchObject({ skipped: 2, deleted: 0, failed: 0 });
    expect(await tagsAt(to, "both")).toEqual(["a", "b"]);
  });
});

describe("sync files", () => {
  it("of skopeo are read as they are", async () => {
    await writeFile(
      box.path("skopeo.yml"),
      [
        `${from.host}:`,
        "    images:",
        "        team/app:",
        '            - "1.0.0"',
        `            - "${seen.get("1.7.0")}"`,
        "    images-by-tag-regex:",
        "        team/app: ^1\\.1[12]\\.0$",
        "    images-by-semver:",
        '        team/app: ">= 1.58.0"',
        "    tls-verify: false",
      ].join("\n"),
    );
    const report = await sync("skopeo.yml", { destination: `${to.host}/repo/` });
    expect(report.failures).toEqual([]);
    expect(await tagsAt(to, "repo/app")).toEqual(["1.0.0", "1.11.0", "1.12.0", "1.58.0", "1.59.0"]);
    expect((await fetch(`${to.url}/v2/repo/app/manifests/${seen.get("1.7.0")}`, { method: "HEAD" })).status).toBe(200);
  });

  it("refuse two sources for one name, and bring what two rules mean once", async () => {
    await pushSmallImages(from.url, "other/app", ["1.1.0"]);
    await writeFile(
      box.path("clash.yaml"),
      `sync:\n${["team", "other", "team"].map((name) => `  - { source: "${from.host}/${name}/app", tags: { names: ["1.1.0"] } }\n`).join("")}`,
    );
    const report = await sync("clash.yaml", { destination: `${to.host}/clash` });
    expect(report.totals).toMatchObject({ images: 2, copied: 1, failed: 1 });
    expect(report.failures).toMatchObject([{ source: `${from.host}/other/app:1.1.0`, error: { code: "CONFLICT" } }]);
  });

  it("say where their images go; without that the command has to", async () => {
    await writeFile(box.path("nowhere.yaml"), `sync:\n  - source: ${app()}\n`);
    await expect(sync("nowhere.yaml")).rejects.toMatchObject({ code: "USAGE" });
    await expect(sync("missing.yaml", { destination: to.host })).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
  });
});

describe("gantry sync", () => {
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    box.run(["sync", ...args], { env: { XDG_CACHE_HOME: box.path(`cache-${cache}`), ...env } });

  it("goes on after failures, tells them as JSON and ends with 5", async () => {
    const ran = await run([app(), `${to.host}/partly`, "--json", "--tag", "1.1.0,not-there,1.2.0"]);
    expect(ran.code).toBe(5);
    const told = JSON.parse(ran.stdout) as SyncReport & { error: { code: string }; requests: number };
    expect(told.error.code).toBe("BATCH_FAILED");
    expect(told.totals).toMatchObject({ images: 3, copied: 2, failed: 1 });
    expect(told.failures).toMatchObject([
      { source: `${app()}:not-there`, error: { code: "MANIFEST_UNKNOWN", side: "source" } },
    ]);
    expect(told.requests).toBeGreaterThan(3);
    const plain = await run([app(), `${to.host}/partly`, "--tag", "not-there"]);
    expect(plain.code).toBe(5);
    expect(plain.stderr).toContain("gantry: 1 of 1 image failed");
  });

  it("ends at the first failure when it is told to", async () => {
    const ran = await run([
      app(),
      `${to.host}/first`,
      "--tag",
      ["not-there", ...TAGS].join(),
      "--keep-going=false",
      "--concurrency",
      "1",
    ]);
    expect(ran.code).toBe(3);
    expect((await tagsAt(to, "first/app")).length).toBeLessThan(60);
  });

  it("prints what it would do as a table", async () => {
    const ran = await run([app(), `${to.host}/table`, "--tag", "1.1.0", "--dry-run"]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^ACTION +SOURCE/);
    expect(ran.stdout).toContain(`copy    ${app()}:1.1.0`);
  });

  it("goes on where a killed run was", async () => {
    const args = [app(), `${to.host}/killed`, "--concurrency", "1", "--progress", "plain"];
    const killed = await box.run(["sync", ...args], {
      env: { XDG_CACHE_HOME: box.path(`cache-${cache}`) },
      running: (child, stderr) => {
        child.stderr?.on("data", () => {
          if (stderr().split("copied ").length > 8) child.kill("SIGKILL");
        });
      },
    });
    expect(killed.signal).toBe("SIGKILL");
    const folder = box.path(`cache-${cache}`, "gantry/sync");
    const states = await readdir(folder);
    const done = (await readFile(join(folder, states[0]!), "utf8")).split("\n").filter((line) => line !== "").length;
    expect(done).toBeGreaterThan(5);
    expect(done).toBeLessThan(60);
    const next = JSON.parse((await run([app(), `${to.host}/killed`, "--json"])).stdout) as SyncReport;
    expect(next.totals.failed).toBe(0);
    expect(next.images.filter(({ reason }) => reason === "the source has not changed").length).toBe(done);
    expect((await tagsAt(to, "killed/app")).length).toBe(60);
  });

  it("ends with 130 when it is interrupted", async () => {
    const ran = await box.run(["sync", app(), `${to.host}/interrupted`, "--concurrency", "1", "--progress", "plain"], {
      env: { XDG_CACHE_HOME: box.path(`cache-${cache}`) },
      running: (child, stderr) => {
        let once = false;
        child.stderr?.on("data", () => {
          if (once || !stderr().includes("copied ")) return;
          once = child.kill("SIGINT");
        });
      },
    });
    expect(ran.code).toBe(130);
  });
});

describe("the quota of a registry", () => {
  it("is asked by one HEAD", async () => {
    expect(await open().quota(`${from.host}/team/app`)).toEqual({ name: `${from.host}/team/app`, quota: undefined });
    expect(asked).toEqual([{ method: "HEAD", path: "/v2/team/app/manifests/latest", side: "from" }]);
    await expect(open().quota(from.host)).rejects.toMatchObject({ code: "USAGE" });
  });
});
