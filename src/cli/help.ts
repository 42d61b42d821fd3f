import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { helpFor } from "./program.js";

export const help: Command = {
  name: "help",
  summary: "Explain a command, with examples that run",
  args: [{ name: "command", help: "a command's name", optional: true, variadic: true, completes: "command" }],
  options: [],
  examples: ["gantry help", "gantry help build", "gantry help manifest get"],
  run: runHelp,
};

async function runHelp(context: Context): Promise<void> {
  const words = context.given.argumentsOf("command");
  const text = helpFor(context.commands, words);
  context.print({ command: words.join(" "), help: text }, text);
  return Promise.resolve();
}
