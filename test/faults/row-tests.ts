import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FaultProxy } from "./fault-proxy.js";
import { type Ground, openGround } from "./ground.js";
import { library } from "./library.js";
import { complaints, type Direction, type Row } from "./row.js";
import { runRow } from "./run-row.js";

/** Runs rows with the library, some at a time: most of them wait for a clock. */
export function testRows(
  title: string,
  direction: Direction,
  rows: readonly Row[],
  open: () => Promise<Ground> = openGround,
): void {
  describe.concurrent(title, () => {
    let ground: Ground;
    beforeAll(async () => {
      ground = await open();
    });
    afterAll(() => ground?.[Symbol.asyncDispose]());

    const verb = { survive: "survives", refuse: "refuses", either: "survives or refuses" } as const;
    test.each(rows.map((row) => [`${row.id} ${verb[row.want]}: ${row.what}`, row] as const))("%s", async (_, row) => {
      const { outcome, proxy } = await runRow(row, direction, { ...ground, tool: library });
      expect(complaints(row, outcome, direction, ground.image.bytes, proxy), trace(proxy)).toEqual([]);
    });
  });
}

/** What the proxy saw: shown when a row is not right. */
function trace({ log }: FaultProxy): string {
  const lines = log.map(
    ({ at, method, path, status, up, down }) =>
      `${at === "elsewhere" ? "elsewhere " : ""}${method} ${path.replace(/(sha256(?::|%3A)[0-9a-f]{8})[0-9a-f]*/g, "$1…").slice(0, 110)} ${status} up ${up} down ${down}`,
  );
  return lines.length > 80
    ? [...lines.slice(0, 60), `… ${lines.length - 80} more …`, ...lines.slice(-20)].join("\n")
    : lines.join("\n");
}
