import { createRequire } from "node:module";
import type { Command } from "./command.js";
import type { Context } from "./context.js";

export const version: Command = {
  name: "version",
  summary: "Print the version",
  args: [],
  options: [],
  examples: ["gantry version"],
  run: runVersion,
};

async function runVersion(context: Context): Promise<void> {
  const { version: text } = packageJson();
  context.print(
    { version: text, node: process.versions.node, platform: `${process.platform}/${process.arch}` },
    `gantry ${text}`,
  );
  return Promise.resolve();
}

/** From dist/cli in a package, from src/cli in a test: the package's file is two folders up either way. */
function packageJson(): { version: string } {
  const value: unknown = createRequire(import.meta.url)("../../package.json");
  return {
    version: typeof value === "object" && value !== null && "version" in value ? String(value.version) : "unknown",
  };
}
