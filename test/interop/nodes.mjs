#!/usr/bin/env node
// The Node versions that gantry promises to run on, from npm's `node` package, each in a folder of its own.
//
//   node test/interop/nodes.mjs         installs what is missing, prints version and path of each
//
// Kept under test/interop/.cache/nodes, or where GANTRY_NODES_DIR says.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const majors = ["20", "22", "24", "26"];

const directory = process.env.GANTRY_NODES_DIR || fileURLToPath(new URL("./.cache/nodes", import.meta.url));

/** The program of one major version; installs it where it is not there yet. @throws Error saying why it cannot be had. */
export function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const prefix = join(directory, major);
  const file = join(prefix, "node_modules/node/bin/node");
  if (!existsSync(file)) {
    mkdirSync(prefix, { recursive: true });
    // The package's own install script fetches the program for this platform: it has to be allowed to run.
    const args = ["install", "--prefix", prefix, "--no-audit", "--no-fund", "--ignore-scripts=false", `node@${major}`];
    const done = spawnSync("npm", args, { encoding: "utf8", cwd: prefix });
    if (done.status !== 0 || !existsSync(file)) {
      throw new Error(
        `npm install node@${major}: ${done.stderr?.trim().split("\n").slice(-2).join(" ") ?? done.error}`,
      );
    }
  }
  return file;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  for (const major of majors) {
    try {
      const file = nodeOf(major);
      console.log(`${spawnSync(file, ["--version"], { encoding: "utf8" }).stdout.trim()}\t${file}`);
    } catch (error) {
      console.log(`${major}\tmissing: ${error.message}`);
      process.exitCode = 1;
    }
  }
}
