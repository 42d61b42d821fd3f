import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FaultProxy } from "./fault-proxy.js";
import { faultsAfterFailure, faultsInLayout, faultsInRegistry, isNamed, type TestImage } from "./image.js";
import type { Direction, Outcome, Row } from "./row.js";

/** Who is tested: the library, the command line, or another tool. Each method ends or throws. */
export interface Tool {
  push(layout: string, image: string, run: Run): Promise<void>;
  pull(image: string, layout: string, run: Run): Promise<void>;
  /** From one repository to another of the same registry. */
  copy(from: string, to: string, run: Run): Promise<void>;
  /** @returns how many tags there are */
  list(repository: string, run: Run): Promise<number>;
}

/** What a tool may know of its run. */
export interface Run {
  readonly row: Row;
  /** A folder of its own. */
  readonly home: string;
  /** `USER:PASSWORD`, where the registry wants to know. */
  readonly creds: string | undefined;
  /** Aborted when the time is up. */
  readonly signal: AbortSignal;
}

/** Where it is done. */
export interface Place {
  /** The registry behind the proxy. */
  readonly upstream: string;
  readonly image: TestImage;
  /** What is pulled; what is pushed gets a repository of its own. */
  readonly stored: string;
  readonly tool: Tool;
}

/** A row's outcome, and the proxy's record of it. */
export interface Ran {
  readonly outcome: Outcome;
  readonly proxy: FaultProxy;
}

const DEADLINE = 45_000;

/** Runs one row, and looks at what is left behind whatever came of it. */
export async function runRow(row: Row, direction: Direction, place: Place): Promise<Ran> {
  const home = await mkdtemp(join(tmpdir(), "gantry-fault-"));
  const gateFor = row.gate;
  // The gate may lead elsewhere, which has an address only when it runs.
  let elsewhere = "";
  const gate = gateFor?.({ elsewhere: "" });
  const proxy = await FaultProxy.start({
    upstream: place.upstream,
    ...(row.rules === undefined ? {} : { rules: row.rules }),
    ...(gate === undefined
      ? {}
      : { gate: { ...gate, realm: () => gateFor!({ elsewhere }).realm?.(proxy.url) ?? `${proxy.url}/token` } }),
    ...(row.seed === undefined ? {} : { seed: row.seed }),
    ...(row.refuseForMs === undefined ? {} : { refuseForMs: row.refuseForMs }),
  });
  elsewhere = proxy.elsewhere;
  const time = new AbortController();
  const run: Run = {
    row,
    home,
    creds: gate === undefined ? undefined : `${gate.user}:${gate.password}`,
    signal: time.signal,
  };
  const target =
    direction === "push" || direction === "copy"
      ? `fault/${row.id.toLowerCase()}-${process.pid}-${started++}:latest`
      : place.stored;
  const layout = join(home, "layout");
  const name = `${proxy.host}/${target}`;
  let count: number | undefined;
  const begun = performance.now();
  const work = {
    push: () => place.tool.push(place.image.layout, name, run),
    pull: () => place.tool.pull(name, layout, run),
    copy: () => place.tool.copy(`${proxy.host}/${place.stored}`, name, run),
    list: async () => {
      count = await place.tool.list(name.replace(/:[^:/]*$/, ""), run);
    },
  }[direction]();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), row.deadline ?? DEADLINE);
  });
  let verdict: Outcome["verdict"] = "ok";
  let error: unknown;
  try {
    if ((await Promise.race([work, late])) === "late") {
      verdict = "hung";
      time.abort(new Error("time is up"));
      await work.catch(() => undefined);
    }
  } catch (thrown) {
    verdict = "failed";
    error = thrown;
  } finally {
    clearTimeout(timer);
  }
  const milliseconds = performance.now() - begun;
  const damage: string[] = [];
  const writes = direction === "push" || direction === "copy";
  if (writes && verdict === "ok") damage.push(...(await faultsInRegistry(place.upstream, target, place.image)));
  if (writes && verdict === "failed" && row.named !== true && (await isNamed(place.upstream, target))) {
    damage.push("the name is there although it failed");
  }
  if (direction === "pull" && verdict === "ok") damage.push(...(await faultsInLayout(layout, place.image)));
  if (direction === "pull" && verdict === "failed") damage.push(...(await faultsAfterFailure(layout)));
  await proxy[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
  const outcome: Outcome = {
    verdict: verdict === "ok" && damage.some((each) => !each.endsWith(" was left")) ? "corrupt" : verdict,
    error,
    milliseconds,
    requests: proxy.log.length,
    ...proxy.bytes,
    leaks: proxy.leaks,
    count,
    damage,
  };
  return { outcome, proxy };
}

let started = 0;
