import { describe, expect, test } from "vitest";
import { inParallel } from "./parallel-ranges.js";

const MIB = 1024 * 1024;
const SEGMENT = 4 * MIB;

/** Parts whose first byte says where they begin, which come in another order than they are asked for. */
function parts() {
  const state = { asked: 0, open: 0, most: 0, halted: 0 };
  const fetch = async (start: number, end: number, signal: AbortSignal): Promise<Uint8Array> => {
    state.asked += 1;
    state.open += 1;
    state.most = Math.max(state.most, state.open);
    const halted = (): void => void (state.halted += 1);
    signal.addEventListener("abort", halted);
    const turns = state.asked % 2 === 0 ? 1 : 20;
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    signal.removeEventListener("abort", halted);
    state.open -= 1;
    const bytes = new Uint8Array(end - start);
    bytes[0] = start / MIB;
    return bytes;
  };
  return { state, fetch };
}

async function drain(chunks: AsyncIterable<Uint8Array>, at: number): Promise<number> {
  for await (const chunk of chunks) {
    expect(chunk[0]).toBe(at / MIB);
    at += chunk.byteLength;
  }
  return at;
}

describe("ranges over several connections", () => {
  test("come whole and in their order, four at a time", async () => {
    const { state, fetch } = parts();
    const [from, to] = [3 * MIB, 150 * MIB + 7];
    expect(await drain(inParallel({ from, to, fetch, alone: 0 }), from)).toBe(to);
    expect(state.most).toBe(4);
    expect(state.asked).toBe(Math.ceil((to - from) / SEGMENT));
  });

  test("end after six where they are no faster than one, and nothing is thrown away", async () => {
    const { state, fetch } = parts();
    const reached = await drain(inParallel({ from: 0, to: 200 * MIB, fetch, alone: Number.POSITIVE_INFINITY }), 0);
    expect(reached).toBe(6 * SEGMENT);
    expect(state.asked).toBe(6);
  });

  test("are all let go when one fails or the reader stops", async () => {
    const { state, fetch } = parts();
    const failing = inParallel({
      from: 0,
      to: 64 * MIB,
      alone: 0,
      fetch: (start, end, signal) =>
        start === SEGMENT ? Promise.reject(new Error("broken")) : fetch(start, end, signal),
    });
    await expect(drain(failing, 0)).rejects.toThrow("broken");
    expect(state.open).toBe(0);
    for await (const chunk of inParallel({ from: 0, to: 64 * MIB, fetch, alone: 0 })) {
      expect(chunk.byteLength).toBe(SEGMENT);
      break;
    }
    expect(state.open).toBe(0);
    expect(state.halted).toBeGreaterThan(0);
  });
});
