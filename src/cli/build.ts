import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { printBuild } from "./build-output.js";
import { DRY_RUN, NETWORK, PLATFORM } from "./options.js";

export const build: Command = {
  name: "build",
  summary: "Build images from files, without a daemon",
  description:
    "Builds the images of a plan file (gantry.yaml), or only the TARGETs among them, into gantry's own store. --push publishes them under the plan's tags and those of -t. The same input gives the same digest, on any machine.",
  args: [{ name: "target", help: "names of images in the plan; all when left out", optional: true, variadic: true }],
  options: [
    { name: "file", short: "f", kind: "text", value: "FILE", completes: "file", help: "the plan file (gantry.yaml)" },
    {
      name: "tag",
      short: "t",
      kind: "list",
      value: "NAME",
      completes: "image",
      help: "also under this name (any image name; with --push a registry's)",
    },
    { name: "var", kind: "list", value: "NAME=VALUE", help: "a variable of the plan file" },
    { name: "push", kind: "boolean", help: "publish under all names, content first and names last" },
    PLATFORM,
    DRY_RUN,
    ...NETWORK,
  ],
  examples: [
    "gantry build",
    "gantry build -f examples/build-node-app/gantry.yaml --platform linux/arm64",
    "gantry build hello -t localhost:5000/demo/hello:1.0 --push",
  ],
  run: runBuild,
};

async function runBuild(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const progress = await context.progress();
  const onEvent = progress.event.bind(progress);
  const file = given.text("file");
  const build = await gantry.build({
    ...(file === undefined ? {} : { file }),
    targets: given.argumentsOf("target"),
    platforms: given.list("platform"),
    tags: given.list("tag"),
    vars: given.list("var"),
    push: given.flag("push") ?? false,
    signal,
    onEvent,
  });
  const dryRun = given.flag("dry-run") ?? false;
  const outcomes: Parameters<typeof printBuild>[1] = [];
  for (const image of build.images) {
    const report = dryRun ? image.plan.report() : await image.plan.apply({ signal, onEvent });
    outcomes.push({ name: image.name, report, layersBuilt: image.layersBuilt, layersCached: image.layersCached });
  }
  progress.close();
  await printBuild(context, outcomes, { dryRun, requests: gantry.requests });
}
