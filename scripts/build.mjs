// Builds dist/: the library (ES modules and types, dependencies left to npm) and the command line (one bundle with its
// dependencies inside and a chunk for each command, so that starting loads only what the command needs).
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.mjs";

ensureInstalled();
const { build } = await import("tsdown");

const common = {
  cwd: root,
  platform: "node",
  target: "node20.19",
  format: "esm",
  clean: false,
  logLevel: "warn",
  config: false,
};
// Built beside and moved into place, so that a command that runs meanwhile finds all of it, or the one before.
const fresh = `.dist-${process.pid}`;
await build({
  ...common,
  entry: { index: "src/index.ts", "spec/index": "src/spec/index.ts" },
  outDir: fresh,
  dts: true,
  outExtensions: () => ({ js: ".js", dts: ".d.ts" }),
});
await build({
  ...common,
  entry: { main: "src/cli/main.ts" },
  outDir: `${fresh}/cli`,
  dts: false,
  minify: "dce-only",
  // write-file-atomic asks for __filename, which ES modules do not have.
  shims: true,
  outExtensions: () => ({ js: ".js" }),
  // The native zstd of Node 20 is found at run time, where npm installed it, or not at all.
  deps: { alwaysBundle: /.*/, neverBundle: ["@cloudpss/zstd"], onlyBundle: false },
});
rmSync(join(root, "dist"), { recursive: true, force: true });
renameSync(join(root, fresh), join(root, "dist"));
