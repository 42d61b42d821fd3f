import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { NETWORK, ONE_PLATFORM } from "./options.js";

export const digest: Command = {
  name: "digest",
  summary: "Print the digest that a name points at",
  args: [{ name: "image", help: "an image name", completes: "image" }],
  options: [...NETWORK, ONE_PLATFORM, { name: "full-ref", kind: "boolean", help: "print NAME@DIGEST" }],
  examples: [
    "gantry digest localhost:5000/demo/hello:1.0",
    "gantry digest --platform linux/arm64 localhost:5000/demo/hello:1.0",
  ],
  run: runDigest,
};

async function runDigest(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const { descriptor, name } = await gantry.resolve(given.argument("image"), {
    signal,
    ...context.platform(),
  });
  const text = given.flag("full-ref") ? `${name}@${descriptor.digest}` : descriptor.digest;
  context.print({ name, digest: descriptor.digest, mediaType: descriptor.mediaType, size: descriptor.size }, text);
}
