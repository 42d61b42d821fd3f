// `npm test`: installs what is missing, then checks types, style and layering and runs the unit and integration tests.
import { ensureInstalled, run } from "./install.mjs";

ensureInstalled();
const only = process.argv.slice(2);
if (only.length === 0) {
  run("tsc", ["--noEmit", "-p", "tsconfig.json"]);
  run("oxlint", ["--type-aware", "src", "test", "scripts", "examples"]);
  run("biome", ["format", "."]);
}
run("vitest", ["run", "--project", "unit", "--project", "integration", ...only]);
