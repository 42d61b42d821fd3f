import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { DRY_RUN, MOVING, NETWORK, PLATFORM, SIDED } from "./options.js";
import { carryOut, moveOptions } from "./transfer-output.js";

export const push: Command = {
  name: "push",
  summary: "Push an image to registries or other places",
  description:
    "Pushes SOURCE to every DEST. A bare source name is looked for in gantry's own store. Without DEST the image goes to the name that it has.",
  args: [
    { name: "source", help: "an image name", completes: "image" },
    {
      name: "dest",
      help: "where to; the source's own name when left out",
      optional: true,
      variadic: true,
      completes: "image",
    },
  ],
  options: [...NETWORK, ...SIDED, PLATFORM, ...MOVING, DRY_RUN],
  examples: [
    "gantry push localhost:5000/demo/hello:1.0",
    "gantry push local:hello:1.0 localhost:5000/demo/hello:1.0 localhost:5000/demo/hello:latest",
    "gantry push oci:./out:1.0 localhost:5000/app:1.0",
  ],
  run: runPush,
};

async function runPush(context: Context): Promise<void> {
  const { given } = context;
  const gantry = await context.gantry();
  const progress = await context.progress();
  const plan = await gantry.push(given.argument("source"), given.argumentsOf("dest"), {
    ...moveOptions(context),
    onEvent: (event) => progress.event(event),
  });
  await carryOut(context, plan);
}
