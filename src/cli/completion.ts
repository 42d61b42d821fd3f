import type { Command } from "./command.js";
import { completions, SCRIPTS, type Shell } from "./complete.js";
import type { Context } from "./context.js";

export const completion: Command = {
  name: "completion",
  summary: "Print a completion script for bash, zsh or fish",
  args: [{ name: "shell", help: "bash, zsh or fish" }],
  options: [],
  examples: ["gantry completion bash > gantry.bash"],
  run: runCompletion,
};

/** What the scripts call: the words so far, the last one unfinished; answers a candidate a line. */
export const complete: Command = {
  name: "__complete",
  summary: "",
  args: [{ name: "word", help: "", optional: true, variadic: true }],
  options: [],
  examples: [],
  run: runComplete,
};

async function runCompletion(context: Context): Promise<void> {
  const { GantryError } = await import("../errors.js");
  const shell = context.given.argument("shell");
  if (!Object.hasOwn(SCRIPTS, shell))
    throw new GantryError("USAGE", `unknown shell ${JSON.stringify(shell)}`, {
      hint: "Completion is there for bash, zsh and fish.",
    });
  context.print({ shell, script: SCRIPTS[shell as Shell] }, SCRIPTS[shell as Shell]);
}

async function runComplete(context: Context): Promise<void> {
  const { COMMANDS } = await import("./commands.js");
  const gantry = () => context.gantry();
  const found = await completions(COMMANDS, context.given.argumentsOf("word"), async function* () {
    for await (const { name } of (await gantry()).images({ signal: context.signal })) yield name;
  });
  context.terminal.out(found.map((line) => `${line}\n`).join(""));
}
