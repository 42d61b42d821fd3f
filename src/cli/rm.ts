import { GantryError } from "../errors.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { errorLine, toGantryError } from "./error-report.js";
import { exitCodeOf } from "./exit-code.js";
import { plural } from "./format.js";
import { DRY_RUN, NETWORK } from "./options.js";

export const rm: Command = {
  name: "rm",
  summary: "Remove names, or content by digest",
  description:
    "Removes each name: a tag of a registry, a reference of a layout (oci:), an image of gantry's own store (local:). Other tags of the same image stay. NAME@DIGEST removes the manifest itself, with all names that it has there. Content that no name in gantry's own store needs is deleted with it, unless it is younger than an hour.",
  args: [{ name: "image", help: "image names", variadic: true, completes: "image" }],
  options: [...NETWORK, DRY_RUN],
  examples: ["gantry rm local:hello:1.0", "gantry rm docker://localhost:5000/demo/hello:old"],
  run: runRm,
};

async function runRm(context: Context): Promise<void> {
  const { given, signal, terminal } = context;
  const gantry = await context.gantry();
  const dryRun = given.flag("dry-run") ?? false;
  const images = given.argumentsOf("image");
  const removed: { name: string; digest: string }[] = [];
  const failed: { name: string; error: GantryError }[] = [];
  for (const image of images) {
    try {
      const { name, descriptor } = await gantry.remove(image, { signal, dryRun });
      removed.push({ name, digest: descriptor.digest });
      if (!context.json) terminal.out(`${name}\n`);
    } catch (error) {
      // One name's failure is the command's; of several the others still go.
      if (signal.aborted || images.length === 1) throw error;
      const failure = toGantryError(error);
      failed.push({ name: image, error: failure });
      if (!context.json) terminal.err(`gantry: ${errorLine(failure)}\n`);
    }
  }
  if (dryRun) context.note("Nothing was removed (--dry-run).");
  if (failed.length === 0) {
    context.print({ removed, dryRun }, "");
    return;
  }
  const error = new GantryError(
    "BATCH_FAILED",
    `${failed.length} of ${plural(images.length, "name")} could not be removed`,
  );
  if (!context.json) throw error;
  context.exitCode = exitCodeOf(error.code);
  context.print({ removed, failed, dryRun, error }, "");
}
