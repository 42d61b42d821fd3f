import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reply, reset } from "./actions.js";
import type { Exchange } from "./exchange.js";
import { type Ground, openGround } from "./ground.js";
import { library } from "./library.js";
import { complaints, type Row } from "./row.js";
import { runRow } from "./run-row.js";

/**
 * Everything at once, by chance that can be repeated. The small run is part of every test; the whole one is
 *
 *     CHAOS_SEEDS=100 CHAOS_MIB=200 npx vitest run --project integration test/faults/chaos.test.ts
 */
const SEEDS = Number(process.env["CHAOS_SEEDS"] ?? 10);
const MIB = Number(process.env["CHAOS_MIB"] ?? 20);

/** The image's layers, as parts of the whole. */
const PARTS = [0.5, 0.25, 0.15, 0.08, 0.02];

/** 20 % of all requests get 503, 5 % are reset, 2 % of what has a body breaks off somewhere in it. */
const weather = (seed: number): Row => ({
  id: `chaos-${seed}`,
  what: "20 % 503, 5 % reset, 2 % truncated",
  want: "survive",
  seed,
  deadline: 600_000,
  rules: () => [
    { hits: { chance: 0.2 }, act: reply(503) },
    { hits: { chance: 0.05 }, act: reset },
    { hits: { chance: 0.02 }, act: truncate },
  ],
});

const truncate = (exchange: Exchange): Promise<void> => {
  const after = Math.floor(exchange.random() * 2 * 1024 * 1024);
  return exchange.pass({
    cutUpload: (total) => (total > after ? after : undefined),
    ...(exchange.request.method === "GET" ? { cut: { after, by: "end" as const } } : {}),
  });
};

describe(`${SEEDS} seeds of bad weather, ${MIB} MiB`, () => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await openGround(PARTS.map((part) => Math.round(MIB * part * 1024 * 1024)));
  }, 600_000);
  afterAll(() => ground?.[Symbol.asyncDispose]());

  test.each(["push", "pull"] as const)(
    "a %s arrives with each",
    async (direction) => {
      const wrong: string[] = [];
      let moved = 0;
      let requests = 0;
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const row = weather(seed);
        const { outcome, proxy } = await runRow(row, direction, { ...ground, tool: library });
        const found = complaints(row, outcome, direction, ground.image.bytes, proxy);
        if (found.length > 0) wrong.push(`seed ${seed}: ${found.join(", ")}`);
        moved += direction === "push" ? outcome.up : outcome.down;
        requests += outcome.requests;
      }
      const ratio = moved / ground.image.bytes / SEEDS;
      console.info(
        `${direction}: ${SEEDS - wrong.length}/${SEEDS} right, ${ratio.toFixed(3)} × the bytes, ${requests} requests`,
      );
      expect(wrong).toEqual([]);
    },
    SEEDS * 60_000,
  );
});
