// How long a command line takes that does nothing: what every call in a script pays.
import { join } from "node:path";
import { alternate, measureAll } from "../measure.mjs";
import { cleanEnvironment, gantry, peer } from "../tools.mjs";
import { scales } from "../trees.mjs";

export const title = "Start-up";

export async function* run({ work, scale }) {
  const commands = {
    "gantry version": [...gantry, "version"],
    "gantry help": [...gantry, "help"],
    "node -e 0 (the floor)": [process.execPath, "-e", "0"],
    ...(peer("skopeo") && { "skopeo --version": [peer("skopeo"), "--version"] }),
    ...(peer("crane") && { "crane version": [peer("crane"), "version"] }),
    ...(peer("regctl") && { "regctl version": [peer("regctl"), "version"] }),
    ...(peer("oras") && { "oras version": [peer("oras"), "version"] }),
  };
  const env = cleanEnvironment(join(work, "home"));
  const tools = Object.keys(commands);
  for (const tool of tools) await measureAll([commands[tool]], { env });
  const figures = await alternate(tools, scales[scale].starts, (tool) => measureAll([commands[tool]], { env }));
  yield { rows: tools.map((tool) => ({ tool, ...figures.get(tool) })) };
}
