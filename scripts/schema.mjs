// Writes schemas/gantry.schema.json from the schema in src/build/plan-schema.ts. The unit test of the same name fails
// when the file is out of date.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { status } = spawnSync(
  process.execPath,
  ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", "src/build/plan-schema.test.ts", "--update"],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
