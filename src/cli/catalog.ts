import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { printList } from "./list-output.js";
import { NETWORK } from "./options.js";

export const catalog: Command = {
  name: "catalog",
  summary: "List the repositories of a registry",
  args: [{ name: "host", help: "a registry's host", completes: "host" }],
  options: NETWORK,
  examples: ["gantry catalog localhost:5000"],
  run: runCatalog,
};

async function runCatalog(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const host = given.argument("host");
  await printList(context, gantry.catalog(host, { signal }), { about: { host }, key: "repositories" });
}
