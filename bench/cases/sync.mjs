// Five hundred small images kept equal between two registries: the first run, and those with nothing left to do, which
// are what a mirror does all day.
import { createHash } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startCountingProxy } from "../../test/interop/counting-proxy.mjs";
import { alternate, measureAll } from "../measure.mjs";
import { startServer } from "../servers.mjs";
import { cleanEnvironment, gantry, peer } from "../tools.mjs";

export const title = "Sync 500 images";

const counts = { full: 500, small: 50 };
const manifestType = "application/vnd.oci.image.manifest.v1+json";

/** The commands of each tool; all speak plain HTTP and copy whole indexes. */
const syncers = {
  gantry: (from, to) => [[...gantry, "sync", "--quiet", `${from}/bench/app`, `${to}/mirror`]],
  skopeo: (from, to) => {
    const flags = ["--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    return [
      [
        peer("skopeo"),
        "--insecure-policy",
        "sync",

        ...flags,
        "--src",
        "docker",
        "--dest",
        "docker",
        `${from}/bench/app`,
        `${to}/mirror`,
      ],
    ];
  },
  regsync: (from, to, home) => {
    const file = join(home, "regsync.yaml");
    const credentials = [from, to].map((host) => ({ registry: host, tls: "disabled" }));
    const sync = [{ source: `${from}/bench/app`, target: `${to}/mirror/app`, type: "repository" }];
    // Four images at once, as gantry: its own default is one.
    writeFileSync(file, JSON.stringify({ version: 1, creds: credentials, defaults: { parallel: 4 }, sync }));
    return [[peer("regsync"), "once", "-c", file, "-v", "error"]];
  },
};

export async function* run({ work, scale, servers }) {
  const tools = Object.keys(syncers).filter((tool) => tool === "gantry" || peer(tool));
  for (const kind of servers) {
    const source = await startServer(kind, work);
    const mirrors = new Map();
    try {
      await fill(source.host, counts[scale]);
      const firsts = [];
      for (const tool of tools) {
        const server = await startServer(kind, work);
        const home = join(work, `sync-${tool}`);
        mkdirSync(home, { recursive: true });
        const proxies = [await startCountingProxy(source.host), await startCountingProxy(server.host)];
        const once = async (count) => {
          for (const proxy of proxies) proxy.reset();
          // Always through the proxies: what a tool remembers, it remembers by the names it saw.
          const figures = await measureAll(syncers[tool](proxies[0].host, proxies[1].host, home), {
            env: cleanEnvironment(home),
          });
          return count
            ? { ...figures, requests: proxies.reduce((sum, proxy) => sum + proxy.requests.length, 0) }
            : figures;
        };
        mirrors.set(tool, { server, proxies, once, home });
        firsts.push({ tool, ...(await once(true)) });
      }
      yield {
        title: `${counts[scale]} images to an empty ${kind} (one run, through the counting proxy)`,
        rows: firsts,
      };
      const repeats = await alternate(tools, scale === "full" ? 3 : 1, (tool) => mirrors.get(tool).once(true));
      yield {
        title: `${counts[scale]} images, nothing to do, ${kind} (through the counting proxy)`,
        rows: tools.map((tool) => ({ tool, ...repeats.get(tool) })),
      };
    } finally {
      for (const { server, proxies, home } of mirrors.values()) {
        for (const proxy of proxies) await proxy.stop();
        await server.stop();
        rmSync(home, { recursive: true, force: true });
      }
      await source.stop();
    }
  }
}

/** Images with one layer that all share and a config of their own. */
async function fill(host, count) {
  const url = `http://${host}/v2/bench/app`;
  const layer = content("a layer that all images share ".repeat(1000));
  await putBlob(url, layer);
  for (let i = 0; i < count; i++) {
    const config = content(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: { Labels: { number: String(i) } },
        rootfs: { type: "layers", diff_ids: [layer.digest] },
      }),
    );
    await putBlob(url, config);
    const manifest = content(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: manifestType,
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: config.digest,
          size: config.bytes.length,
        },
        layers: [
          { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.bytes.length },
        ],
      }),
    );
    await expectStatus(201, `${url}/manifests/1.${i}.0`, {
      method: "PUT",
      headers: { "content-type": manifestType },
      body: manifest.bytes,
    });
  }
}

async function putBlob(url, { digest, bytes }) {
  const started = await expectStatus(202, `${url}/blobs/uploads/`, { method: "POST" });
  const to = new URL(started.headers.get("location"), url);
  to.searchParams.set("digest", digest);
  await expectStatus(201, to, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: bytes });
}

async function expectStatus(status, url, init) {
  const answer = await fetch(url, init);
  if (answer.status !== status) throw new Error(`${init.method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

function content(text) {
  const bytes = Buffer.from(text);
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}
