import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** Builds dist/ before tests that run the command line, when any source is newer than what is there. */
export default function buildOnce(): void {
  const built = statSync(join(root, "dist/cli/main.js"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (newest(join(root, "src")) < built) return;
  const result = spawnSync(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) throw new Error("the build failed");
}

function newest(folder: string): number {
  let time = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts")) {
      time = Math.max(time, statSync(join(entry.parentPath, entry.name)).mtimeMs);
    }
  }
  return time;
}
