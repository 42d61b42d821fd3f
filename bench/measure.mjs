// Runs programs one at a time and says what they cost: wall time, CPU of the program and its children, peak memory.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const time = "/usr/bin/time";

/** GNU time asks the kernel what a program and all its children used; nothing in Node can ask that for a child. */
export function ensureMeasurable() {
  if (!existsSync(time)) throw new Error("GNU time is missing (Debian package time): /usr/bin/time");
}

/**
 * Runs one program to its end. `peak` is the largest resident set of any one process of it, in bytes.
 *
 * @throws Error with its output when it fails: a failed run is no figure.
 */
export async function measure(command, args, { env, cwd } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "gantry-bench-time-"));
  const file = join(folder, "time");
  try {
    const started = performance.now();
    const done = await finish(spawn(time, ["-f", "%U %S %M", "-o", file, command, ...args], { env, cwd }));
    const wall = (performance.now() - started) / 1000;
    if (done.status !== 0) throw new Error(`${command} ${args.join(" ")}: status ${done.status}\n${done.stderr}`);
    const [user, system, peak] = readFileSync(file, "utf8").trim().split("\n").at(-1).split(" ").map(Number);
    return { wall, cpu: user + system, peak: peak * 1024, stdout: done.stdout };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the commands of one task one after another: times add up, the peak is the largest. */
export async function measureAll(commands, options) {
  const total = { wall: 0, cpu: 0, peak: 0 };
  for (const [command, ...args] of commands) {
    const one = await measure(command, args, options);
    total.wall += one.wall;
    total.cpu += one.cpu;
    total.peak = Math.max(total.peak, one.peak);
  }
  return total;
}

/**
 * Measures several contestants in turn, `runs` rounds, each round starting with another one: what the machine does
 * beside the benchmark then falls on all of them. `once(tool)` prepares, measures and cleans up one run.
 */
export async function alternate(tools, runs, once) {
  const figures = new Map(tools.map((tool) => [tool, []]));
  for (let round = 0; round < runs; round++) {
    for (let place = 0; place < tools.length; place++) {
      const tool = tools[(round + place) % tools.length];
      figures.get(tool).push(await once(tool));
    }
  }
  return new Map([...figures].map(([tool, all]) => [tool, median(all)]));
}

/** Waits for a child that writes to pipes. */
export function finish(child) {
  const out = [];
  const err = [];
  child.stdout?.on("data", (chunk) => out.push(chunk));
  child.stderr?.on("data", (chunk) => err.push(chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      resolve({
        status: code ?? signal,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString().slice(-4000),
      }),
    );
  });
}

/**
 * The middle one of several runs, figure by figure; of CPU time the mean, because kernels that count it in ticks of
 * several milliseconds are right only on average.
 */
export function median(runs) {
  const middle = (values) => {
    const sorted = values.toSorted((a, b) => a - b);
    const half = sorted.length >> 1;
    return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  };
  const of = (key) => middle(runs.map((run) => run[key]));
  const cpu = runs.reduce((sum, run) => sum + run.cpu, 0) / runs.length;
  return { wall: of("wall"), cpu, peak: of("peak"), runs: runs.length };
}

/** The largest resident set of a running process so far, in bytes: for servers, that have no end to be measured at. */
export function peakOf(pid) {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return line === null ? Number.NaN : Number(line[1]) * 1024;
}
