import { GantryError } from "../errors.js";
import type { Command } from "./command.js";
import { completions } from "./complete.js";
import { SCRIPTS, type Shell } from "./completion-scripts.js";
import type { Context } from "./context.js";

export const completion: Command = {
  name: "completion",
  summary: "Print a completion script for bash, zsh or fish",
  description: `Prints the script that makes a shell complete commands, options, their values and the names of images.
bash: put \`source <(gantry completion bash)\` into ~/.bashrc. zsh: \`gantry completion zsh > "\${fpath[1]}/_gantry"\`.
fish: \`gantry completion fish > ~/.config/fish/completions/gantry.fish\`.`,
  args: [{ name: "shell", help: "bash, zsh or fish", completes: "shell" }],
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

function runCompletion(context: Context): Promise<void> {
  const shell = context.given.argument("shell");
  if (!Object.hasOwn(SCRIPTS, shell))
    throw new GantryError("USAGE", `unknown shell ${JSON.stringify(shell)}`, {
      hint: "Completion is there for bash, zsh and fish.",
    });
  context.print({ shell, script: SCRIPTS[shell as Shell] }, SCRIPTS[shell as Shell]);
  return Promise.resolve();
}

async function runComplete(context: Context): Promise<void> {
  const found = await completions(context.commands, context.given.argumentsOf("word"), async function* () {
    const gantry = await context.gantry();
    for await (const { name } of gantry.images({ signal: context.signal })) yield name;
  });
  context.terminal.out(found.map((line) => `${line}\n`).join(""));
}
