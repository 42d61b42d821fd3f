import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ImageConfig } from "../spec/index.js";
import { mergeConfig } from "./merge-config.js";

const base = (config: ImageConfig["config"]): ImageConfig => ({
  architecture: "amd64",
  os: "linux",
  rootfs: { type: "layers", diff_ids: [] },
  ...(config === undefined ? {} : { config }),
});
const merged = (config: ImageConfig["config"], plan: Parameters<typeof mergeConfig>[1]) =>
  mergeConfig(base(config), plan, "1970-01-01T00:00:00Z").config;

describe("a merged configuration", () => {
  test.each([
    [undefined, "app", "/app"],
    ["/srv", "app/../x", "/srv/x"],
    ["/srv", "/app/", "/app"],
    ["srv", "a", "/srv/a"],
    ["/srv", "../../..", "/"],
  ])("has its working directory from %s and %s: %s", (old, workdir, expected) => {
    expect(merged(old === undefined ? {} : { WorkingDir: old }, { workdir })?.WorkingDir).toBe(expected);
  });

  test("has every variable once, the plan's value, in the base's place", () => {
    const name = fc.constantFrom("A", "B", "C", "PATH");
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.string())), fc.array(fc.tuple(name, fc.string())), (old, set) => {
        const before = old.map(([key, value]) => `${key}=${value}`);
        const after = merged({ Env: before }, { env: set })?.Env ?? [];
        const names = after.map((line) => line.split("=", 1)[0]!);
        expect(new Set(names).size).toBe(names.length);
        expect(names).toEqual([...new Set([...old, ...set].map(([key]) => key))]);
        for (const [key, value] of new Map(set)) expect(after).toContain(`${key}=${value}`);
      }),
    );
  });

  test("keeps a label named __proto__, of the base and of the plan", () => {
    const labels = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
    expect(JSON.stringify(merged({ Labels: labels }, { labels: { a: "b" } })?.Labels)).toBe(
      '{"__proto__":"x","a":"b"}',
    );
    expect(JSON.stringify(merged({}, { labels })?.Labels)).toBe('{"__proto__":"x"}');
  });

  test("of a base without any is the plan's alone", () => {
    expect(merged(undefined, { cmd: ["x"] })).toEqual({ Cmd: ["x"] });
  });
});
