// `npm test`: installs what is missing, checks types, style and layering, and runs the unit and integration tests.
// With arguments only the tests run, and the arguments go to the runner: `npm test -- src/spec`.
import { ensureInstalled, run } from "./install.mjs";

ensureInstalled();
const only = process.argv.slice(2);
if (only.length === 0) {
  run("tsc", ["--noEmit", "-p", "tsconfig.json"]);
  run("oxlint", ["--type-aware", "src", "test", "scripts", "examples"]);
  run("biome", ["format", "."]);
}
const report = process.env.GANTRY_TEST_REPORT;
const reporters = report === undefined ? [] : ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
run("vitest", ["run", "--project", "unit", "--project", "integration", ...reporters, ...only]);
