// Five folders of real files become an image of five layers in a registry: each contestant from nothing to the tag.
// And once more, nothing changed, to the same tag.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startCountingProxy } from "../../test/interop/counting-proxy.mjs";
import { alternate, measureAll, median } from "../measure.mjs";
import { startServer } from "../servers.mjs";
import { cleanEnvironment, gantry, peer } from "../tools.mjs";
import { fiveLayers, layers, scales, writePlan } from "../trees.mjs";

export const title = "Build and push five layers";

export async function* run({ work, scale, servers }) {
  const tree = fiveLayers(scale);
  const tools = Object.keys(builders).filter((tool) => tool === "gantry" || peer(tool) !== undefined);
  for (const kind of servers) {
    const cold = await alternate(tools, scales[scale].runs, (tool) => once(tool, { kind, work, tree }));
    const rows = [];
    for (const tool of tools) {
      const counted = await once(tool, { kind, work, tree, count: true });
      rows.push({ tool, ...cold.get(tool), requests: counted.requests, bytes: counted.bytes });
    }
    yield { title: `into ${kind}, nothing cached`, rows };
    const again = [];
    for (const tool of tools) {
      const counted = await once(tool, { kind, work, tree, count: true, again: scales[scale].runs });
      again.push({ tool, ...counted.again, requests: counted.again.requests });
    }
    yield { title: `into ${kind}, again with nothing changed, same tag`, rows: again };
  }
}

async function once(tool, { kind, work, tree, count = false, again = 0 }) {
  const folder = join(work, "build");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const server = await startServer(kind, work);
  const proxy = count ? await startCountingProxy(server.host) : undefined;
  try {
    const env = cleanEnvironment(join(folder, "home"));
    const commands = builders[tool]({ tree, folder, name: `${(proxy ?? server).host}/bench/five:1` });
    const first = await measureAll(commands, { env, cwd: folder });
    const answer = { ...first, requests: proxy?.requests.length, bytes: proxy?.bytes.up };
    if (again === 0) return answer;
    const repeats = [];
    for (let n = 0; n < again; n++) {
      proxy?.reset();
      repeats.push(await measureAll(commands, { env, cwd: folder }));
    }
    return { ...answer, again: { ...median(repeats), requests: proxy?.requests.length } };
  } finally {
    await proxy?.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const builders = {
  gantry({ tree, folder, name }) {
    const plan = join(folder, "gantry.yaml");
    writePlan(
      plan,
      layers.map((layer) => join(tree, layer)),
      [name],
    );
    return [[...gantry, "build", "--quiet", "-f", plan, "--push"]];
  },
  buildah({ tree, folder, name }) {
    const file = join(folder, "Containerfile");
    const copies = layers.map((layer) => `COPY ${layer} /`).join("\n");
    writeFileSync(file, `FROM scratch\n${copies}\nCMD ["/bin/true"]\n`);
    const storage = ["--root", join(folder, "root"), "--runroot", join(folder, "run"), "--storage-driver", "overlay"];
    const buildah = [peer("buildah"), ...storage];
    return [
      [...buildah, "bud", "-q", "--layers", "--isolation", "chroot", "-f", file, "-t", "localhost/bench:1", tree],
      [...buildah, "push", "-q", "--tls-verify=false", "localhost/bench:1", `docker://${name}`],
    ];
  },
  // crane makes no layers itself: its tar archives are made by tar, which is part of the work.
  crane({ tree, folder, name }) {
    const tars = layers.map((layer) => join(folder, `${layer}.tar`));
    return [
      ...layers.map((layer, n) => ["tar", "-C", join(tree, layer), "-cf", tars[n], "."]),
      [peer("crane"), "append", "--insecure", "--oci-empty-base", "-f", tars.join(","), "-t", name],
    ];
  },
};
