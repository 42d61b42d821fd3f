import { GantryError } from "../errors.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { renderInspection } from "./inspection-output.js";
import { NETWORK, ONE_PLATFORM } from "./options.js";

export const inspect: Command = {
  name: "inspect",
  summary: "Show what an image is made of",
  description:
    "Shows an image or index: its digest, platforms, layers and configuration. --raw prints the manifest's exact bytes, --config the configuration's, --tree everything that belongs to it.",
  args: [{ name: "image", help: "an image name", completes: "image" }],
  options: [
    ...NETWORK,
    ONE_PLATFORM,
    { name: "raw", kind: "boolean", help: "the manifest's exact bytes" },
    { name: "config", kind: "boolean", help: "the configuration's exact bytes" },
    { name: "tree", kind: "boolean", help: "the whole graph, with referrers" },
  ],
  examples: [
    "gantry inspect localhost:5000/demo/hello:1.0",
    "gantry inspect --tree localhost:5000/demo/hello:1.0",
    "gantry inspect --config --platform linux/amd64 localhost:5000/demo/hello:1.0",
  ],
  run: runInspect,
};

async function runInspect(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const image = given.argument("image");
  const options = { signal, ...context.platform() };
  const views = ["raw", "config", "tree"].filter((view) => given.flag(view));
  if (views.length > 1)
    throw new GantryError("USAGE", `--${views.join(" and --")} exclude each other`, { hint: "Give one of them." });
  if (given.flag("raw")) {
    context.terminal.out((await gantry.manifest(image, options)).bytes);
    return;
  }
  if (given.flag("config")) {
    context.terminal.out((await gantry.config(image, options)).bytes);
    return;
  }
  if (given.flag("tree")) {
    const { renderTree } = await import("./tree-output.js");
    const tree = await gantry.tree(image, options);
    context.print(tree, renderTree(tree));
    return;
  }
  const inspection = await gantry.inspect(image, options);
  context.print(inspection, await renderInspection(inspection));
}
