// Runs the fault matrix with the command line and the other tools that are here, and writes docs/reliability.md (or the
// file that it is given). Takes some ten minutes; `npm run build` first. A test runner of its own, because what it runs
// is TypeScript.
import { join, resolve } from "node:path";
import { startVitest } from "vitest/node";

process.env["RELIABILITY_PAGE"] = resolve(process.argv[2] ?? join(import.meta.dirname, "../../docs/reliability.md"));
const vitest = await startVitest("test", [], {
  config: false,
  root: join(import.meta.dirname, "../.."),
  watch: false,
  include: ["test/faults/report.run.ts"],
  testTimeout: 3_600_000,
  hookTimeout: 600_000,
  disableConsoleIntercept: true,
});
await vitest.close();
