import { GantryError } from "../errors.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { maskSecret } from "./github-actions.js";

export const serve: Command = {
  name: "serve",
  summary: "Run the embedded registry",
  description:
    "Runs a registry (OCI distribution 1.1) that keeps its content in a folder. The first line on stdout is its URL. It stops at Ctrl-C.",
  args: [],
  options: [
    {
      name: "listen",
      kind: "text",
      value: "HOST:PORT",
      help: "where to listen (127.0.0.1:5000); port 0 takes any free one",
    },
    {
      name: "root",
      kind: "text",
      value: "DIR",
      completes: "folder",
      help: "where content is kept (gantry's data folder)",
    },
    { name: "user", kind: "list", value: "USER:PASSWORD", help: "ask for Basic authentication" },
    {
      name: "htpasswd",
      kind: "text",
      value: "FILE",
      completes: "file",
      help: "users and passwords from a file of USER:PASSWORD lines",
    },
    { name: "anonymous-pull", kind: "boolean", help: "let anyone read" },
    { name: "tls-cert", kind: "text", value: "FILE", completes: "file", help: "serve TLS with this certificate" },
    { name: "tls-key", kind: "text", value: "FILE", completes: "file", help: "and this key" },
    { name: "delete", kind: "boolean", help: "allow deletes (true)" },
  ],
  examples: [
    "gantry serve --listen 127.0.0.1:5000 --root ./registry",
    "gantry serve --listen 127.0.0.1:0 --user ci:secret",
  ],
  run: runServe,
};

async function runServe(context: Context): Promise<void> {
  const { given, terminal, signal } = context;
  const { host, port } = readListen(given.text("listen") ?? "127.0.0.1:5000");
  const users = given.list("user");
  for (const user of users) maskSecret(terminal, user.slice(user.indexOf(":") + 1));
  const htpasswd = given.text("htpasswd");
  const gantry = await context.gantry();
  const registry = await gantry.serve({
    host,
    port,
    users,
    ...(htpasswd === undefined ? {} : { htpasswd }),
    ...(given.text("root") === undefined ? {} : { root: given.text("root")! }),
    ...(given.text("tls-cert") === undefined ? {} : { tlsCert: given.text("tls-cert")! }),
    ...(given.text("tls-key") === undefined ? {} : { tlsKey: given.text("tls-key")! }),
    anonymousPull: given.flag("anonymous-pull") ?? false,
    delete: given.flag("delete") ?? true,
    ...(given.flag("verbose") ? { log: (line: string) => terminal.err(`${line}\n`) } : {}),
  });
  if (context.json)
    terminal.out(`${JSON.stringify({ url: registry.url, host: registry.host, root: registry.root })}\n`);
  else terminal.out(`${registry.url}\n`);
  context.note(`Content is kept in ${registry.root}. Ctrl-C stops.`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await registry.close();
}

function readListen(text: string): { host: string; port: number } {
  const match = /^(?:(?<host>\[[^\]]+\]|[^:]*):)?(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.["port"]);
  if (match === null || port > 65535)
    throw new GantryError("USAGE", `invalid value ${JSON.stringify(text)} for --listen`, {
      hint: "It takes HOST:PORT.",
    });
  return { host: (match.groups?.["host"] || "127.0.0.1").replace(/^\[|\]$/g, ""), port };
}
