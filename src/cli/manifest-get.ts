import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { NETWORK, ONE_PLATFORM } from "./options.js";

export const manifestGet: Command = {
  name: "manifest get",
  summary: "Print a manifest's exact bytes",
  args: [{ name: "image", help: "an image name", completes: "image" }],
  options: [...NETWORK, ONE_PLATFORM],
  examples: [
    "gantry manifest get localhost:5000/demo/hello:1.0",
    "gantry manifest get --platform linux/arm64 localhost:5000/demo/hello:1.0",
  ],
  run: runManifestGet,
};

async function runManifestGet(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const { bytes } = await gantry.manifest(given.argument("image"), {
    signal,
    ...context.platform(),
  });
  // The bytes are the manifest: no newline is added, under --json neither, for they are JSON already.
  context.terminal.out(bytes);
}
