import type { Command } from "./command.js";
import type { Context } from "./context.js";

export const logout: Command = {
  name: "logout",
  summary: "Forget the credentials for a registry",
  args: [{ name: "host", help: "a registry's host, or host/namespace", completes: "host" }],
  options: [
    {
      name: "authfile",
      kind: "text",
      value: "PATH",
      completes: "file",
      help: "the file with credentials, instead of the usual one",
    },
  ],
  examples: ["gantry logout localhost:5000"],
  run: runLogout,
};

async function runLogout(context: Context): Promise<void> {
  const host = context.given.argument("host");
  const gantry = await context.gantry();
  const { removedFrom } = await gantry.logout(host);
  context.print(
    { host, removedFrom },
    removedFrom === undefined ? `Not logged in to ${host}.` : `Logged out of ${host}; removed from ${removedFrom}.`,
  );
}
