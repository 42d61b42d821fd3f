// Installs the project's dependencies when they are missing or older than the lock file, so that `npm test` and
// `npm run demo` work on a fresh clone. Plain Node: nothing is installed yet when this runs.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

const mtime = (path) => statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Runs `npm ci` unless what is installed is as new as package-lock.json. */
export function ensureInstalled() {
  if (mtime("node_modules/.package-lock.json") >= mtime("package-lock.json")) return;
  console.error("Installing dependencies (npm ci) ...");
  run("npm", ["ci", "--no-audit", "--no-fund"]);
}

/** Runs a command of the project's in its root and leaves with its exit code when it fails. */
export function run(command, args, env = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}`, ...env },
  });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}
