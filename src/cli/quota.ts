import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { formatSeconds } from "./format.js";
import { NETWORK } from "./options.js";

export const quota: Command = {
  name: "quota",
  summary: "Show how much more a registry lets you pull",
  description:
    "Asks a registry for its pull limit and what is left of it, by one HEAD that no registry counts as a pull. Docker Hub needs no repository; others tell it for one, where they tell it at all.",
  args: [{ name: "name", help: "HOST, or HOST/REPOSITORY", completes: "host" }],
  options: [...NETWORK],
  examples: ["gantry quota docker.io", "gantry quota localhost:5000/demo/hello"],
  run: runQuota,
};

async function runQuota(context: Context): Promise<void> {
  const gantry = await context.gantry();
  const { name, quota: found } = await gantry.quota(context.given.argument("name"), { signal: context.signal });
  if (found === undefined) {
    context.print({ name, quota: null }, "");
    context.note(`${name}: the registry says nothing of a quota.`);
    return;
  }
  const { limit, remaining, window, resets, countedFor } = found;
  const text = [
    `${remaining}${limit === undefined ? "" : ` of ${limit}`} pulls left`,
    ...(window === undefined ? [] : [`in ${formatSeconds(window)}`]),
    ...(resets === undefined ? [] : [`until ${new Date(resets * 1000).toISOString()}`]),
    ...(countedFor === undefined ? [] : [`for ${countedFor}`]),
  ].join(" ");
  context.print({ name, quota: found }, text);
}
