// One image from a registry to an empty one, to another repository of the same registry, and once more with nothing
// left to do. Beside them the limit: the same bytes moved by curl alone.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startCountingProxy } from "../../test/interop/counting-proxy.mjs";
import { alternate, measureAll } from "../measure.mjs";
import { startServer } from "../servers.mjs";
import { cleanEnvironment, copiers, gantry, peer } from "../tools.mjs";
import { fiveLayers, layers, scales, writePlan } from "../trees.mjs";

export const title = "Copy five layers from registry to registry";

export async function* run({ work, scale, servers }) {
  const source = await startServer("docker-registry", work);
  try {
    const plan = join(work, "copy.yaml");
    const from = `${source.host}/bench/five:1`;
    const tree = fiveLayers(scale);
    writePlan(
      plan,
      layers.map((layer) => join(tree, layer)),
      [from],
    );
    await measureAll([[...gantry, "build", "--quiet", "-f", plan, "--push"]], {
      env: cleanEnvironment(join(work, "maker")),
    });
    const blobs = await blobsOf(from);
    const tools = [...Object.keys(copiers).filter((tool) => tool === "gantry" || peer(tool)), "curl (the limit)"];
    for (const kind of servers) {
      const context = { kind, work, source, from, blobs };
      const cold = await alternate(tools, scales[scale].runs, (tool) => toEmpty(tool, context));
      const rows = [];
      const mounts = [];
      const repeats = [];
      for (const tool of tools) {
        const counted = await toEmpty(tool, { ...context, count: true });
        rows.push({ tool, ...cold.get(tool), requests: counted.requests, bytes: counted.bytes });
        if (tool.startsWith("curl")) continue;
        repeats.push({ tool, ...counted.again });
        mounts.push({ tool, ...counted.mount });
      }
      yield { title: `to an empty ${kind}`, rows };
      yield { title: `to ${kind} again, same tag (one run, through the counting proxy)`, rows: repeats };
      yield {
        title: `inside ${kind}, to another repository (one run, through the counting proxy)`,
        rows: mounts,
      };
    }
  } finally {
    await source.stop();
    rmSync(join(work, "maker"), { recursive: true, force: true });
  }
}

async function toEmpty(tool, { kind, work, source, from, blobs, count = false }) {
  const server = await startServer(kind, work);
  const proxies = count ? [await startCountingProxy(source.host), await startCountingProxy(server.host)] : [];
  const home = join(work, "copy-home");
  const env = cleanEnvironment(home);
  try {
    const [src, dest] = count ? proxies.map((proxy) => proxy.host) : [source.host, server.host];
    const name = from.replace(source.host, src);
    const copy = (a, b) => measureAll(tool in copiers ? copiers[tool](a, b) : byCurl(work, blobs, src, dest), { env });
    const counted = async (a, b) => {
      for (const proxy of proxies) proxy.reset();
      const figures = await copy(a, b);
      const requests = proxies.reduce((sum, proxy) => sum + proxy.requests.length, 0);
      return { ...figures, requests, bytes: proxies.at(-1)?.bytes.up };
    };
    const first = await counted(name, `${dest}/bench/copy:1`);
    if (!count || !(tool in copiers)) return first;
    const again = await counted(name, `${dest}/bench/copy:1`);
    const mount = await counted(`${dest}/bench/copy:1`, `${dest}/bench/other:1`);
    return { ...first, again, mount };
  } finally {
    for (const proxy of proxies) await proxy.stop();
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function blobsOf(name) {
  const [, host, repository, tag] = /^([^/]+)\/(.+):(.+)$/.exec(name);
  const accept = ["index", "manifest"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(", ");
  const get = async (reference) =>
    (await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers: { accept } })).json();
  let manifest = await get(tag);
  if (manifest.manifests) manifest = await get(manifest.manifests[0].digest);
  return [manifest.config, ...manifest.layers].map((descriptor) => ({ repository, digest: descriptor.digest }));
}

/** Every blob at once: read from the one, written to the other in one request. No hash is checked, no manifest put. */
function byCurl(work, blobs, from, to) {
  const file = join(work, "limit.sh");
  const lines = blobs.map(
    ({ repository, digest }) => `(
  location=$(curl -sS -X POST -D- -o /dev/null http://${to}/v2/bench/copy/blobs/uploads/ | tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
  case "$location" in /*) location="http://${to}$location";; esac
  case "$location" in *\\?*) join='&';; *) join='?';; esac
  curl -fsS http://${from}/v2/${repository}/blobs/${digest} |
    curl -fsS -T- -H 'Content-Type: application/octet-stream' "$location$join"digest=${digest}
) &`,
  );
  writeFileSync(file, `set -e\n${lines.join("\n")}\nwait\n`);
  return [["bash", file]];
}
