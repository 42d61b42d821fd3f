import { join } from "node:path";
import { Gantry } from "../../src/gantry.js";
import type { Run, Tool } from "./run-row.js";

/** The library, with pauses between attempts that are short enough for a test. */
export const library: Tool = {
  async push(layout, image, run) {
    await using gantry = open(run);
    await (await gantry.copy(`oci:${layout}:latest`, image, run)).apply(run);
  },
  async pull(image, layout, run) {
    await using gantry = open(run);
    await (await gantry.copy(image, `oci:${layout}:latest`, run)).apply(run);
  },
  async copy(from, to, run) {
    await using gantry = open(run);
    await (await gantry.copy(from, to, run)).apply(run);
  },
  async list(repository, run) {
    await using gantry = open(run);
    let count = 0;
    for await (const tag of gantry.tags(repository, run)) count += tag.length > 0 ? 1 : 0;
    return count;
  },
};

function open({ home, creds, row }: Run): Gantry {
  return new Gantry({
    dataDir: join(home, "data"),
    cacheDir: join(home, "cache"),
    env: { HOME: home },
    ...(creds === undefined ? {} : { creds }),
    ...(row.refuseForMs === undefined ? { retryDelay: 20 } : {}),
    timeouts: { headers: 10_000, stall: 10_000, ...row.timeouts },
  });
}
