// What a push loses when it is killed: `node bench/kill-push.mjs [--kills 100] [--mib 1024] [--rate 32] [--seed 1]
// [--registry gantry|registry|docker-registry] [--once]`.
//
// Pushes an image of one incompressible layer over a link of RATE MiB/s to a real registry and kills it with SIGKILL at
// a random moment, again and again, until it has been killed so often; the last run is left alone. With `--once` every
// kill is a push of its own: killed once, at a moment anywhere in it, then completed. Bytes are counted on the link.
import { spawn } from "node:child_process";
import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startSlowLink } from "../test/support/slow-link.mjs";
import { locate } from "../test/interop/peers.mjs";

const MIB = 1024 * 1024;
const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    mib: { type: "string", default: "1024" },
    rate: { type: "string", default: "32" },
    seed: { type: "string", default: "1" },
    registry: { type: "string", default: "registry" },
    once: { type: "boolean", default: false },
  },
});
const [kills, mib, rate, seed] = [values.kills, values.mib, values.rate, values.seed].map(Number);
const gantry = join(import.meta.dirname, "../bin/gantry");
const work = mkdtempSync(join(tmpdir(), "gantry-kill-"));
const image = writeImage(join(work, "image"), mib * MIB);
const registry = await startRegistry(values.registry);
const link = await startSlowLink(registry.host, { up: rate * MIB });
const random = mulberry(seed);
try {
  const results = values.once ? await onceEach() : [await again()];
  const ratios = results.map(({ sent }) => sent / image.bytes);
  const worst = Math.max(...ratios);
  const mean = ratios.reduce((sum, each) => sum + each, 0) / ratios.length;
  const killed = results.reduce((sum, each) => sum + each.killed, 0);
  const whole = results.filter((each) => each.whole).length;
  console.log(
    `${values.registry}: ${mib} MiB at ${rate} MiB/s, killed ${killed} times in ${results.length} push(es), ` +
      `${whole} whole at the end, bytes sent over size: mean ${mean.toFixed(3)}, worst ${worst.toFixed(3)}, ` +
      `left in the journal: ${journal().length}`,
  );
  process.exitCode = whole === results.length && worst < 1.5 ? 0 : 1;
} finally {
  await link.stop();
  registry.child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
}

/** One push, killed so often: each time after a part of what an even division would send. */
async function again() {
  const from = link.bytes.up;
  let killed = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const done = await push("demo/app:1", Math.ceil(((random() * 2 * image.bytes) / kills) * 0.9));
    if (!done) killed += 1;
    if (process.stderr.isTTY || kill % 10 === 9)
      console.error(`kill ${kill + 1}: ${((link.bytes.up - from) / image.bytes).toFixed(3)} of the size sent`);
  }
  if (!(await push("demo/app:1", Number.POSITIVE_INFINITY))) throw new Error("the last run failed");
  return { killed, sent: link.bytes.up - from, whole: await isWhole("demo/app") };
}

/** Pushes of their own, each to a repository of its own and killed once. */
async function onceEach() {
  const results = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const from = link.bytes.up;
    const name = `demo/app${kill}`;
    // A memory of the repository before would mount the layer from there: another machine's push has none.
    rmSync(join(work, "cache"), { recursive: true, force: true });
    const done = await push(`${name}:1`, Math.ceil(random() * image.bytes));
    if (!(await push(`${name}:1`, Number.POSITIVE_INFINITY))) throw new Error("the run after a kill failed");
    results.push({ killed: done ? 0 : 1, sent: link.bytes.up - from, whole: await isWhole(name) });
    const { sent } = results.at(-1);
    if (kill % 10 === 9) console.error(`push ${kill + 1}: ${(sent / image.bytes).toFixed(3)} of the size sent`);
  }
  return results;
}

/** True when it ended by itself, with success. */
async function push(name, killAfter) {
  const env = { PATH: process.env.PATH, HOME: work, XDG_CACHE_HOME: join(work, "cache") };
  const args = [gantry, "copy", "--quiet", `oci:${image.layout}:latest`, `${link.host}/${name}`];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  link.afterUp(killAfter, () => child.kill("SIGKILL"));
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const { code, signal } = await new Promise((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  if (code !== 0 && signal !== "SIGKILL") throw new Error(`gantry ended with ${code ?? signal}: ${stderr}`);
  return signal === null;
}

async function isWhole(repository) {
  const answer = await fetch(`http://${registry.host}/v2/${repository}/blobs/${image.digest}`);
  const hash = createHash("sha256");
  for await (const chunk of answer.body) hash.update(chunk);
  return `sha256:${hash.digest("hex")}` === image.digest;
}

function journal() {
  try {
    return readdirSync(join(work, "cache/gantry/uploads"));
  } catch {
    return [];
  }
}

function writeImage(layout, size) {
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const keep = (bytes) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(layout, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.byteLength };
  };
  const cipher = createCipheriv("aes-128-ctr", randomBytes(16), randomBytes(16));
  const layer = keep(cipher.update(Buffer.alloc(size)));
  const config = keep(
    Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [layer.digest] } }),
    ),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = keep(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
      }),
    ),
  );
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType, ...manifest, annotations }] }),
  );
  return { layout, digest: layer.digest, bytes: layer.size };
}

async function startRegistry(kind) {
  const root = join(work, "registry");
  mkdirSync(root, { recursive: true });
  let command = process.execPath;
  let args = [gantry, "serve", "--listen", "127.0.0.1:0", "--root", root];
  if (kind !== "gantry") {
    const found = locate(kind);
    if (found.path === undefined) throw new Error(`${kind}: ${found.missing}`);
    const config = join(work, "registry.json");
    const storage = { filesystem: { rootdirectory: root } };
    writeFileSync(config, JSON.stringify({ version: "0.1", storage, http: { addr: "127.0.0.1:0" } }));
    [command, args] = [found.path, ["serve", config]];
  }
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const port = await new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk) => {
      text = (text + chunk).slice(-10_000);
      const match = /(?:listening on |http:\/\/)127\.0\.0\.1:(\d+)/.exec(text);
      if (match) resolve(match[1]);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("exit", () => reject(new Error(`${kind} did not start: ${text}`)));
  });
  return { child, host: `127.0.0.1:${port}` };
}

function mulberry(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
