// `npm run demo`: builds a real image for two platforms, publishes it under three names in two repositories of the
// embedded registry over HTTP, reads it back, verifies every digest, shows the tree, and cleans up.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ensureInstalled, root } from "./install.mjs";

ensureInstalled();
if (!existsSync(join(root, "dist/cli/main.js"))) await import("./build.mjs");

/** A statically linked web server that the registry of npm carries for every platform. */
const ESBUILD = "0.28.2";
const work = mkdtempSync(join(tmpdir(), "gantry-demo-"));
const env = { ...process.env, HOME: work, XDG_DATA_HOME: join(work, "data"), XDG_CACHE_HOME: join(work, "cache") };
const gantry = join(root, "bin/gantry");
const plan = "examples/web-app/gantry.yaml";
let server;
try {
  fetchBinaries();
  const registry = await startRegistry();
  const variable = ["--var", `DEMO_REGISTRY=${registry}`];
  show("build", "-f", plan, ...variable, "--push");
  for (const name of [`${registry}/demo/web:1.0.0`, `${registry}/demo/web:latest`, `${registry}/mirror/web:1.0.0`])
    show("validate", name);
  show("ls", `${registry}/demo/web`);
  show("inspect", "--platform", "linux/arm64", `${registry}/demo/web:latest`);
  show("inspect", "--tree", `${registry}/mirror/web:1.0.0`);
  console.log("\nThe same again: nothing is read, compressed or sent.");
  show("build", "-f", plan, ...variable, "--push");
  console.log("\nDone. The image was built and published without a daemon, without Docker and without root.");
} finally {
  server?.kill("SIGTERM");
  if (server !== undefined && server.exitCode === null) await new Promise((resolve) => server.once("exit", resolve));
  rmSync(work, { recursive: true, force: true });
}

/** Runs a command of gantry's as a user would, shown with what it prints. */
function show(...args) {
  console.log(`\n$ gantry ${args.join(" ")}`);
  const result = spawnSync(process.execPath, [gantry, ...args], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.status !== 0) throw new Error(`gantry ${args[0]} ended with ${result.status ?? result.signal}`);
}

async function startRegistry() {
  server = spawn(process.execPath, [gantry, "serve", "--listen", "127.0.0.1:0", "--root", join(work, "registry")], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    console.log(`$ gantry serve --listen 127.0.0.1:0\n${line}`);
    return new URL(line).host;
  }
  throw new Error("the registry did not start");
}

/** The application: one static binary a platform, out of the packages that carry them. */
function fetchBinaries() {
  for (const [arch, cpu] of [
    ["amd64", "x64"],
    ["arm64", "arm64"],
  ]) {
    const target = join(root, "examples/web-app/bin", arch, "esbuild");
    if (existsSync(target)) continue;
    const name = `@esbuild/linux-${cpu}`;
    const folder = join(work, cpu);
    console.log(`Fetching ${name}@${ESBUILD} ...`);
    mkdirSync(folder, { recursive: true });
    const flags = [
      "--no-save",
      "--no-audit",
      "--no-fund",
      "--force",
      "--ignore-scripts",
      "--loglevel=error",
      "--os=linux",
      `--cpu=${cpu}`,
    ];
    const npm = spawnSync("npm", ["install", "--prefix", folder, ...flags, `${name}@${ESBUILD}`], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (npm.status !== 0) throw new Error(`${name} could not be fetched`);
    mkdirSync(join(target, ".."), { recursive: true });
    copyFileSync(join(folder, "node_modules", name, "bin/esbuild"), target);
  }
}
