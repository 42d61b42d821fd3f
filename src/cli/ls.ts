import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { printList } from "./list-output.js";
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
  const repository = given.argument("repository");
  await printList(context, gantry.tags(repository, { signal }), { about: { repository }, key: "tags" });
}
