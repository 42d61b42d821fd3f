#!/usr/bin/env node
// Compares gantry with its peers on this machine, in one run: what counts are the ratios, not the seconds.
//
//   node bench/run.mjs [--only start-up,build-push,copy,big-layer,sync] [--scale full|small] [--server NAME,...] [--json FILE]
//
// Needs `npm run build`, GNU time, Debian's docker-registry (test/interop/peers.mjs installs it); every other peer that
// is missing is left out and said so. Figures are medians of alternating runs. "×" is the peer's figure over gantry's.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { peers, versionOf } from "../test/interop/peers.mjs";
import { ensureMeasurable } from "./measure.mjs";
import { scales } from "./trees.mjs";

const cases = ["start-up", "build-push", "copy", "big-layer", "sync"];
const { values } = parseArgs({
  options: {
    only: { type: "string", default: cases.join(",") },
    scale: { type: "string", default: "full" },
    server: { type: "string", default: "docker-registry,gantry" },
    json: { type: "string" },
  },
});
const wanted = values.only.split(",");
const unknown = wanted.find((name) => !cases.includes(name));
if (unknown !== undefined) throw new Error(`no case is called ${unknown}; there are ${cases.join(", ")}`);
if (!(values.scale in scales)) throw new Error(`--scale is one of ${Object.keys(scales).join(", ")}`);
ensureMeasurable();

const work = mkdtempSync(join(tmpdir(), "gantry-bench-"));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

const machine = describeMachine();
console.log(
  `${machine.processors} x ${machine.processor}, ${machine.memory}, Node ${machine.node}. ${machine.peers}.\n`,
);
const results = [];
for (const name of wanted) {
  const { title, run } = await import(`./cases/${name}.mjs`);
  console.error(`${title} ...`);
  for await (const table of run({ work, scale: values.scale, servers: values.server.split(",") })) {
    const heading = table.title ? `${title}: ${table.title}` : title;
    results.push({ case: name, title: heading, rows: table.rows });
    console.log(`### ${heading}\n\n${markdown(table.rows)}\n`);
  }
}
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, scale: values.scale, results }, null, 2)}\n`);

function describeMachine() {
  const found = peers.map(({ name }) => [name, versionOf(name)]).filter(([, version]) => version !== undefined);
  return {
    processors: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    node: process.versions.node,
    peers: found.map(([name, version]) => `${name} ${version}`).join(", "),
  };
}

function markdown(rows) {
  const ratio = (row, key) => {
    const base = rows.find(({ tool }) => tool === (row.comparedTo ?? rows[0].tool));
    return row === base || !base[key] || row[key] === undefined ? "" : ` (×${(row[key] / base[key]).toFixed(2)})`;
  };
  const columns = [
    ["", (row) => row.tool],
    ["wall", (row) => row.wall && `${seconds(row.wall)}${ratio(row, "wall")}`],
    ["CPU", (row) => row.cpu !== undefined && `${seconds(row.cpu)}${ratio(row, "cpu")}`],
    ["peak memory", (row) => row.peak && `${(row.peak / 1024 ** 2).toFixed(0)} MiB`],
    ["requests", (row) => row.requests],
    ["sent", (row) => row.bytes && `${(row.bytes / 1e6).toFixed(1)} MB`],
  ].filter(([name, cell]) => name === "" || rows.some((row) => cell(row)));
  const line = (cells) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(([name]) => name)),
    line(columns.map(([name]) => (name === "" ? "---" : "---:"))),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row) || ""))),
  ].join("\n");
}

function seconds(value) {
  return value < 1 ? `${(value * 1000).toFixed(0)} ms` : `${value.toFixed(1)} s`;
}
