// One large layer that does not compress: built, pushed and pulled, with the peak memory of each process that touches
// it, the registry's included.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { measureAll, peakOf } from "../measure.mjs";
import { startServer } from "../servers.mjs";
import { cleanEnvironment, gantry, peer } from "../tools.mjs";
import { bigFile, scales, writePlan } from "../trees.mjs";

export const title = "One large layer";

export async function* run({ work, scale, servers }) {
  const source = bigFile(scale);
  for (const kind of servers) {
    const folder = join(work, "big");
    mkdirSync(folder, { recursive: true });
    const server = await startServer(kind, work);
    try {
      const env = cleanEnvironment(join(folder, "home"));
      const plan = join(folder, "gantry.yaml");
      const name = `${server.host}/bench/big:1`;
      writePlan(plan, [source], []);
      const rows = [];
      const step = async (tool, ...command) =>
        rows.push({
          tool,
          comparedTo: tool.replace("skopeo", "gantry"),
          ...(await measureAll([command], { env, cwd: folder })),
        });
      await step("gantry build", ...gantry, "build", "--quiet", "-f", plan, "-t", "local:bench/big:1");
      await step("gantry push", ...gantry, "push", "--quiet", "local:bench/big:1", name);
      await step("gantry pull", ...gantry, "pull", "--quiet", name, `oci:${join(folder, "pulled")}:1`);
      const skopeo = [peer("skopeo"), "--insecure-policy", "copy", "-q"];
      const layout = `oci:${join(folder, "pulled")}:1`;
      if (peer("skopeo")) {
        await step(
          "skopeo push",
          ...skopeo,
          "--dest-tls-verify=false",
          layout,
          `docker://${server.host}/bench/skopeo:1`,
        );
        rmSync(join(folder, "pulled"), { recursive: true, force: true });
        await step("skopeo pull", ...skopeo, "--src-tls-verify=false", `docker://${name}`, layout);
      }
      const used = { tool: `${kind}, all the time`, peak: peakOf(server.pid) };
      const size = `${(scales[scale].big / 1024 ** 3).toFixed(2)} GiB`;
      yield { title: `${size}, ${kind}`, rows: [...rows, used] };
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
