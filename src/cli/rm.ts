import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { DRY_RUN, NETWORK } from "./options.js";

export const rm: Command = {
  name: "rm",
  summary: "Remove names, or content by digest",
  description:
    "Removes each name: a tag of a registry, a reference of a layout (oci:), an image of gantry's own store (local:). Other tags of the same image stay. NAME@DIGEST removes the manifest itself, with all names that it has there.",
  args: [{ name: "image", help: "image names", variadic: true, completes: "image" }],
  options: [...NETWORK, DRY_RUN],
  examples: ["gantry rm local:hello:1.0", "gantry rm docker://localhost:5000/demo/hello:old"],
  run: runRm,
};

async function runRm(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const dryRun = given.flag("dry-run") ?? false;
  const removed: { name: string; digest: string }[] = [];
  for (const image of given.argumentsOf("image")) {
    const { name, descriptor } = await gantry.remove(image, { signal, dryRun });
    removed.push({ name, digest: descriptor.digest });
    if (!context.json) context.terminal.out(`${name}\n`);
  }
  context.print({ removed, dryRun }, "");
}
