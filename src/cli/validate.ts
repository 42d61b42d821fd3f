import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { formatBytes, plural } from "./format.js";
import { NETWORK, ONE_PLATFORM } from "./options.js";

export const validate: Command = {
  name: "validate",
  summary: "Read everything of an image and check every digest",
  description:
    "Reads every manifest, configuration and layer that an image reaches and checks each against its digest and size. Nothing is kept.",
  args: [{ name: "image", help: "an image name", completes: "image" }],
  options: [...NETWORK, ONE_PLATFORM],
  examples: ["gantry validate localhost:5000/demo/hello:1.0"],
  run: runValidate,
};

async function runValidate(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const { name, descriptor, nodes, bytes } = await gantry.validate(given.argument("image"), {
    signal,
    ...context.platform(),
  });
  context.print(
    { name, digest: descriptor.digest, verified: { count: nodes, bytes } },
    `${name}@${descriptor.digest}: ${plural(nodes, "digest")} verified, ${formatBytes(bytes)}.`,
  );
}
