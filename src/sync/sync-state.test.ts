import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Digest } from "../spec/index.js";
import { fileState } from "./sync-state.js";

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}` as Digest;
const KEY = { source: "a.io/app", destination: "b.io/app", variant: "" };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-state-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const file = async (): Promise<string> => join(folder, (await readdir(folder))[0]!);

describe("the state of a sync", () => {
  it("is there again, the latest of each tag, without having been closed", async () => {
    const state = await fileState(folder, KEY);
    await state.put("1", { source: digest("a"), destination: digest("a"), asked: 1 });
    await state.put("2", { source: digest("b"), destination: digest("c"), asked: 2 });
    await state.put("1", { source: digest("d"), destination: digest("d"), asked: 3 });
    await state.put("3", { source: digest("e"), destination: digest("e"), asked: 3 });
    await state.forget("3");
    const again = await fileState(folder, KEY);
    expect(again.get("1")).toEqual({ source: digest("d"), destination: digest("d"), asked: 3 });
    expect(again.get("2")).toEqual({ source: digest("b"), destination: digest("c"), asked: 2 });
    expect(again.get("3")).toBeUndefined();
  });

  it("is another one for another pair, and for other platforms", async () => {
    await (await fileState(folder, KEY)).put("1", { source: digest("a"), destination: digest("a"), asked: 1 });
    for (const other of [
      { ...KEY, destination: "c.io/app" },
      { ...KEY, variant: "linux/arm64" },
    ])
      expect((await fileState(folder, other)).get("1")).toBeUndefined();
  });

  it("survives a line that a killed run left half written", async () => {
    const state = await fileState(folder, KEY);
    await state.put("1", { source: digest("a"), destination: digest("a"), asked: 1 });
    await appendFile(await file(), '["2",17,"sha256:aa');
    const next = await fileState(folder, KEY);
    expect(next.get("1")).toBeDefined();
    expect(next.get("2")).toBeUndefined();
    await next.put("2", { source: digest("b"), destination: digest("b"), asked: 2 });
    expect((await fileState(folder, KEY)).get("2")).toBeDefined();
  });

  it("believes no line that is not one", async () => {
    const state = await fileState(folder, KEY);
    await state.put("good", { source: digest("a"), destination: digest("a"), asked: 1 });
    await writeFile(
      await file(),
      `{"x":1}\n[1,2,3]\n["t",1,"sha256:short"]\n["u","soon","${digest("a")}"]\n[]\nnull\n`,
    );
    const again = await fileState(folder, KEY);
    for (const tag of ["good", "t", "u"]) expect(again.get(tag)).toBeUndefined();
  });

  it("is made small again when most of it is overwritten", async () => {
    const state = await fileState(folder, KEY);
    await Promise.all(
      Array.from({ length: 12_000 }, (_, i) =>
        state.put(`t${i % 3}`, { source: digest("a"), destination: digest("a"), asked: i }),
      ),
    );
    await state.close();
    expect((await readFile(await file(), "utf8")).trim().split("\n")).toHaveLength(3);
  });

  it("does not fail a sync where it cannot be written", async () => {
    const path = join(folder, "a-file");
    await writeFile(path, "");
    const state = await fileState(path, KEY);
    await state.put("1", { source: digest("a"), destination: digest("a"), asked: 1 });
    expect(state.get("1")).toBeDefined();
  });
});
