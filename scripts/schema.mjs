// Writes schemas/*.schema.json from the schemas in src/build/plan-schema.ts and src/sync/sync-schema.ts. The unit tests
// beside them fail when a file is out of date.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { status } = spawnSync(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--project",
    "unit",
    "src/build/plan-schema.test.ts",
    "src/sync/sync-schema.test.ts",
    "--update",
  ],
  { cwd: root, stdio: "inherit" },
);
process.exitCode = status ?? 1;
