import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "tsdown";
import { afterAll, beforeAll, expect, test } from "vitest";

const OCI = "application/vnd.oci.image.manifest.v1+json";
const ROUNDS = 20;
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

let folder: string;
let script: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-crash-"));
  const outDir = join(folder, "bin");
  await build({
    entry: { worker: fileURLToPath(new URL("registry.worker.ts", import.meta.url)) },
    outDir,
    config: false,
    dts: false,
    clean: false,
    logLevel: "silent",
    platform: "node",
    deps: { alwaysBundle: [/./] },
  });
  script = join(outDir, (await readdir(outDir)).find((name) => name.startsWith("worker."))!);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function start(root: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [script, root], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, url };
}

/** Everything that was answered with 201: paths and their bytes' digest, and what each tag was moved to in order. */
interface Acknowledged {
  readonly content: Map<string, string>;
  readonly tags: Map<string, string[]>;
  readonly tagged: Set<string>;
}

/** Pushes images until the registry is gone. */
async function pushAway(url: string, who: number, acknowledged: Acknowledged): Promise<void> {
  const send = async (method: string, path: string, body: Uint8Array, type: string): Promise<void> => {
    const answer = await fetch(url + path, { method, body: Buffer.from(body), headers: { "content-type": type } });
    expect(answer.status).toBe(201);
  };
  const repository = `crash/r${who}`;
  for (let at = 0; ; at += 1) {
    const layer = randomBytes(randomInt(1, 300_000));
    const described = { mediaType: "application/octet-stream", digest: sha256(layer), size: layer.length };
    const blob = `/v2/${repository}/blobs/${described.digest}`;
    const manifest = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI, config: described, layers: [described] }),
    );
    const tag = `t${at % 3}`;
    const moves = acknowledged.tags.get(`${repository}:${tag}`) ?? [];
    acknowledged.tags.set(`${repository}:${tag}`, moves);
    try {
      await send(
        "POST",
        `/v2/${repository}/blobs/uploads/?digest=${described.digest}`,
        layer,
        "application/octet-stream",
      );
      acknowledged.content.set(blob, described.digest);
      // From here on the tag may point at it; from the answer on it has to, until the next one is sent.
      moves.push(sha256(manifest));
      await send("PUT", `/v2/${repository}/manifests/${tag}`, manifest, OCI);
      acknowledged.content.set(`/v2/${repository}/manifests/${sha256(manifest)}`, sha256(manifest));
      acknowledged.tagged.add(`${repository}:${tag}`);
      moves.splice(0, moves.length - 1);
    } catch (error) {
      if (error instanceof TypeError) return;
      throw error;
    }
  }
}

test(`what was acknowledged survives ${ROUNDS} kills at any moment`, async () => {
  const root = join(folder, "root");
  const acknowledged: Acknowledged = { content: new Map(), tags: new Map(), tagged: new Set() };
  for (let round = 0; round < ROUNDS; round += 1) {
    const { child, url } = await start(root);
    const pushers = [0, 1, 2, 3].map((who) => pushAway(url, who, acknowledged));
    await sleep(randomInt(5, 200));
    child.kill("SIGKILL");
    await Promise.all([once(child, "exit"), ...pushers]);
  }
  expect(acknowledged.content.size).toBeGreaterThan(ROUNDS);

  const { child, url } = await start(root);
  try {
    for (const [path, digest] of acknowledged.content) {
      const answer = await fetch(url + path);
      expect(answer.status, path).toBe(200);
      expect(sha256(new Uint8Array(await answer.arrayBuffer())), path).toBe(digest);
    }
    for (const [name, moves] of acknowledged.tags) {
      const [repository, tag] = name.split(":");
      const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`);
      const digest = answer.headers.get("docker-content-digest");
      if (answer.status === 404) expect(acknowledged.tagged, name).not.toContain(name);
      else expect(moves, name).toContain(digest);
      const body = new Uint8Array(await answer.arrayBuffer());
      if (answer.status !== 404) expect(sha256(body), name).toBe(digest);
    }
    expect(await readdir(join(root, "scratch"))).toEqual([]);
  } finally {
    child.kill();
    await once(child, "exit");
  }
});
