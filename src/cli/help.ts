import type { Command } from "./command.js";
import type { Context } from "./context.js";

export const help: Command = {
  name: "help",
  summary: "Explain a command, with examples that run",
  args: [{ name: "command", help: "a command's name", optional: true, variadic: true, completes: "command" }],
  options: [],
  examples: ["gantry help", "gantry help build", "gantry help manifest get"],
  run: runHelp,
};

async function runHelp(context: Context): Promise<void> {
  // The table holds this command too, so it is looked up when it is needed.
  const [{ COMMANDS }, { helpFor }] = await Promise.all([import("./commands.js"), import("./program.js")]);
  const words = context.given.argumentsOf("command");
  const text = helpFor(COMMANDS, words.length === 0 ? undefined : words.join(" "));
  context.print({ command: words.join(" "), help: text }, text);
}
