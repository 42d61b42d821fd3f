// @ts-check
// Builds an image from a plan that is a value, publishes it to a registry that runs inside this program, and reads it back.
//   node build-and-publish.mjs FOLDER
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gantry } from "gantry";

const folder = process.argv[2] ?? ".";
const work = await mkdtemp(join(tmpdir(), "gantry-example-"));
const gantry = new Gantry({ dataDir: join(work, "data"), cacheDir: join(work, "cache") });
const registry = await gantry.serve({ port: 0, root: join(work, "registry") });
try {
  const name = `${registry.host}/demo/site:1.0`;
  const build = await gantry.build({
    plan: {
      images: [
        {
          name: "site",
          platforms: ["linux/amd64", "linux/arm64"],
          layers: [{ files: { [folder]: "/srv/site" }, owner: "0:0" }],
          config: { entrypoint: ["/bin/server"], workdir: "/srv/site" },
          tags: [name],
        },
      ],
    },
    push: true,
  });
  for (const image of build.images) {
    const report = await image.plan.apply();
    console.log(`${image.name} ${report.digest}`);
  }
  const inspection = await gantry.inspect(name);
  if (inspection.kind === "index") console.log(inspection.manifests.map(({ platform }) => platform).join(" "));
  console.log(`${(await gantry.validate(name)).nodes} digests verified`);
} finally {
  await registry.close();
  await gantry[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
}
