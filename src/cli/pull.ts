import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { DRY_RUN, MOVING, NETWORK, PLATFORM, SIDED } from "./options.js";
import { carryOut, moveOptions } from "./transfer-output.js";

export const pull: Command = {
  name: "pull",
  summary: "Pull an image into gantry's own store or another place",
  description:
    "Pulls SOURCE from its registry into DEST; without one into gantry's own store, under the same name. All platforms come along unless --platform says otherwise.",
  args: [
    { name: "source", help: "an image name", completes: "image" },
    { name: "dest", help: "where to; local:SOURCE when left out", optional: true, completes: "image" },
  ],
  options: [...NETWORK, ...SIDED, PLATFORM, ...MOVING, DRY_RUN],
  examples: [
    "gantry pull localhost:5000/demo/hello:1.0",
    "gantry pull localhost:5000/demo/hello:1.0 oci:./hello:1.0",
    "gantry pull --platform linux/arm64 localhost:5000/demo/hello:1.0",
  ],
  run: runPull,
};

async function runPull(context: Context): Promise<void> {
  const { given } = context;
  const gantry = await context.gantry();
  const progress = await context.progress();
  const plan = await gantry.pull(given.argument("source"), given.optionalArgument("dest"), {
    ...moveOptions(context),
    onEvent: (event) => progress.event(event),
  });
  await carryOut(context, plan);
}
