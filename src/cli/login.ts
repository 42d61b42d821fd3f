import { GantryError } from "../errors.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { maskSecret } from "./github-actions.js";
import { NETWORK } from "./options.js";

export const login: Command = {
  name: "login",
  summary: "Check credentials for a registry and keep them",
  description:
    "Checks the user and password at the registry, then keeps them in the credential helper that is set up for it, or in the credentials file (mode 0600).",
  args: [{ name: "host", help: "a registry's host, or host/namespace", completes: "host" }],
  options: [
    { name: "username", short: "u", kind: "text", value: "USER", help: "the user" },
    {
      name: "password",
      short: "p",
      kind: "text",
      value: "PASSWORD",
      help: "the password (seen by other users of this machine: prefer --password-stdin)",
    },
    { name: "password-stdin", kind: "boolean", help: "read the password from standard input" },
    ...NETWORK.filter(({ name }) => name !== "creds" && name !== "registry-token" && name !== "concurrency"),
  ],
  examples: ["gantry login localhost:5000 -u ci --password-stdin < token.txt"],
  run: runLogin,
};

async function runLogin(context: Context): Promise<void> {
  const { given, signal } = context;
  const host = given.argument("host");
  const { username, password } = await askCredentials(context);
  maskSecret(context.terminal, password);
  const gantry = await context.gantry();
  const { savedIn } = await gantry.login(host, { username, password, signal });
  context.print({ host, username, savedIn }, `Logged in to ${host} as ${username}; kept in ${savedIn}.`);
}

async function askCredentials(context: Context): Promise<{ username: string; password: string }> {
  const { given, terminal } = context;
  let username = given.text("username");
  let password = given.text("password");
  if (given.flag("password-stdin")) {
    if (password !== undefined)
      throw new GantryError("USAGE", "--password and --password-stdin exclude each other", {
        hint: "Give one of them.",
      });
    password = (await context.readInput(64 * 1024)).replace(/\r?\n$/, "");
  }
  if ((username === undefined || password === undefined) && terminal.inIsTerminal) {
    const { ask, askSecret } = await import("./ask.js");
    username ??= await ask("Username: ", context.signal);
    password ??= await askSecret("Password: ", context.signal);
  }
  if (!username) throw new GantryError("USAGE", "the user is missing", { hint: "Give -u USER." });
  if (!password) throw new GantryError("USAGE", "the password is missing", { hint: "Give --password-stdin." });
  return { username, password };
}
