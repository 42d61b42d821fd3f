import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { DRY_RUN, MOVING, NETWORK, PLATFORM, SIDED } from "./options.js";
import { carryOut, moveOptions } from "./transfer-output.js";

export const copy: Command = {
  name: "copy",
  summary: "Copy an image from any place to any others, byte for byte",
  description:
    "Copies an image, index or artifact from SOURCE to every DEST. Content goes everywhere first and is verified; names move last.",
  args: [
    { name: "source", help: "an image name", completes: "image" },
    { name: "dest", help: "where to", variadic: true, completes: "image" },
  ],
  options: [...NETWORK, ...SIDED, PLATFORM, ...MOVING, DRY_RUN],
  examples: [
    "gantry copy docker.io/library/alpine:3 localhost:5000/mirror/alpine:3",
    "gantry copy localhost:5000/app:1 oci:./out:1 localhost:5000/app:latest",
    "gantry copy --dry-run oci:./out:1 localhost:5000/app:1",
  ],
  run: runCopy,
};

async function runCopy(context: Context): Promise<void> {
  const { given } = context;
  const gantry = await context.gantry();
  const progress = await context.progress();
  const plan = await gantry.copy(given.argument("source"), given.argumentsOf("dest"), {
    ...moveOptions(context),
    onEvent: (event) => progress.event(event),
  });
  await carryOut(context, plan);
}
