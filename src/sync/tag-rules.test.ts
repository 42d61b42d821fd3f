import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePattern } from "./pattern.js";
import { compileTagRules, type TagRules } from "./tag-rules.js";

const TAGS = [
  "latest",
  "1",
  "1.2",
  "1.2.0",
  "1.2.3",
  "1.10.0",
  "v1.3.0",
  "2.0.0-rc.1",
  "2.0.0",
  "2024.01.15",
  "3.12-alpine",
];

const select = async (rules: TagRules, tags: readonly string[] = TAGS): Promise<readonly string[]> =>
  (await compileTagRules(rules)).select(tags);

describe("tag rules", () => {
  it("mean every tag when they say nothing", async () => {
    expect(await select({})).toEqual(TAGS);
  });

  it.each<[string, TagRules, readonly string[]]>([
    ["allow matches anywhere unless anchored", { allow: [/alpine/] }, ["3.12-alpine"]],
    ["one of several is enough", { allow: [/^latest$/, /^v/] }, ["latest", "v1.3.0"]],
    ["deny wins", { allow: [/^1/], deny: [/^1$/, /10/] }, ["1.2", "1.2.0", "1.2.3"]],
    ["globs match whole tags", { glob: ["1.2*", "v?.3.0"] }, ["1.2", "1.2.0", "1.2.3", "v1.3.0"]],
    ["a range", { semver: ">=1.2.3 <2" }, ["1.2.3", "1.10.0", "v1.3.0"]],
    ["a range in Masterminds' words", { semver: ">= 1.2.3, < 2.0" }, ["1.2.3", "1.10.0", "v1.3.0"]],
    ["what is left out of a range", { semver: "~1.2, != 1.2.3" }, ["1.2", "1.2.0"]],
    ["several ranges", { semver: "1.10.x || ^1.3" }, ["1.10.0", "v1.3.0"]],
    ["no pre-release without being asked", { semver: ">=2, <3" }, ["2.0.0"]],
    ["a pre-release when the range names one", { semver: ">=2.0.0-0, <3" }, ["2.0.0-rc.1", "2.0.0"]],
    [
      "the newest by version, not by text",
      { newest: 3, deny: [/^20|alpine/] },
      ["2.0.0", "2.0.0-rc.1", "v1.3.0"].with(2, "1.10.0"),
    ],
    ["the newest within a range", { semver: "<2", newest: 2 }, ["1.10.0", "v1.3.0"]],
    ["of one version the one that says most", { allow: [/^1\.2/], newest: 2 }, ["1.2.3", "1.2.0"]],
    ["dates are versions", { newest: 1 }, ["2024.01.15"]],
  ])("%s", async (_name, rules, expected) => {
    expect(await select(rules)).toEqual(expected);
  });

  it("refuse a range that is none", async () => {
    await expect(compileTagRules({ semver: "newish" })).rejects.toThrow('"newish" is no range of versions');
  });

  it("choose the newest of any versions as sorting them does", async () => {
    const version = fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(version, { selector: String, minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        async (versions, newest) => {
          const sorted = versions
            .toSorted((a, b) => b[0] - a[0] || b[1] - a[1] || b[2] - a[2])
            .map((parts) => parts.join("."));
          const tags = versions.map((parts) => parts.join("."));
          expect(await select({ newest }, tags)).toEqual(sorted.slice(0, newest));
        },
      ),
    );
  });
});

describe("patterns", () => {
  it("read Go's flags, anchors and named groups", () => {
    expect(compilePattern("(?i)^V\\d").test("v1")).toBe(true);
    expect(compilePattern("\\A1\\z").test("1")).toBe(true);
    expect(compilePattern("(?P<major>\\d+)\\.").test("12.")).toBe(true);
  });

  it("say why one is none", () => {
    expect(() => compilePattern("(")).toThrow('"(" is no regular expression');
  });
});
