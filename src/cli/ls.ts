import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { NETWORK } from "./options.js";

export const ls: Command = {
  name: "ls",
  summary: "List the tags of a repository",
  args: [{ name: "repository", help: "HOST/REPOSITORY, or a layout (oci:PATH)", completes: "image" }],
  options: NETWORK,
  examples: ["gantry ls localhost:5000/demo/hello", "gantry ls oci:./out"],
  run: runLs,
};

async function runLs(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const tags: string[] = [];
  for await (const tag of gantry.tags(given.argument("repository"), { signal })) {
    // Two million tags are printed as they come, and never held.
    if (context.json) tags.push(tag);
    else context.terminal.out(`${tag}\n`);
  }
  context.print({ repository: given.argument("repository"), tags }, "");
}
