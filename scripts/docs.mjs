// Writes the commands into docs/commands.md from the table in src/cli/commands.ts. The unit test of the same name fails
// when the file is out of date.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { status } = spawnSync(
  process.execPath,
  ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "src/cli/reference.test.ts", "--update"],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
