import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatPlatform,
  matchesPlatform,
  normalisePlatform,
  parsePlatform,
  type Platform,
  platformChoices,
} from "./platform.js";

// The facts of containerd/platforms' tables (database_test.go, platforms_test.go).
test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/x86_64", "linux/amd64"],
  ["linux/x86-64", "linux/amd64"],
  ["linux/x64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v2", "linux/amd64/v2"],
  ["linux/i386", "linux/386"],
  ["linux/aarch64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm64/8", "linux/arm64"],
  ["linux/arm64/v9", "linux/arm64/v9"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/7", "linux/arm/v7"],
  ["linux/arm/6", "linux/arm/v6"],
  ["linux/arm/5", "linux/arm/v5"],
  ["linux/arm/8", "linux/arm/v8"],
  ["linux/armhf", "linux/arm/v7"],
  ["linux/armel", "linux/arm/v6"],
  ["LINUX/ARM64", "linux/arm64"],
  ["macos/aarch64", "darwin/arm64"],
  ["windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"],
  ["windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"],
  ["windows(+win32k)/amd64", "windows(+win32k)/amd64"],
  ["linux/s390x", "linux/s390x"],
])("%s is %s", (text, normal) => {
  expect(formatPlatform(parsePlatform(text))).toBe(normal);
});

test.each([
  "",
  "linux",
  "amd64",
  "linux/",
  "/amd64",
  "linux/arm/v7/x",
  "linux//v7",
  "linux/&arm",
  "linux/arm/foo/bar",
  "windows()(x)/amd64",
  "windows(%zz)/amd64",
  "lin ux/amd64",
  "constructor",
  "a/".repeat(50_000),
])("%j is refused", (text) => {
  expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: "PLATFORM_INVALID" }));
});

test("an architecture called like a property of objects is an architecture", () => {
  expect(parsePlatform("linux/constructor")).toEqual({ os: "linux", architecture: "constructor" });
});

test("a platform that is written and read is itself; normalising twice changes nothing", () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,8}$/);
  const free = fc.string({ minLength: 1, maxLength: 8 });
  const platform = fc.record(
    {
      os: word,
      architecture: word,
      variant: word,
      "os.version": free,
      "os.features": fc.array(free, { minLength: 1 }),
    },
    { requiredKeys: ["os", "architecture"] },
  ) as fc.Arbitrary<Platform>;
  fc.assert(
    fc.property(platform, (value) => {
      const normal = normalisePlatform(value);
      expect(normalisePlatform(normal)).toEqual(normal);
      fc.pre(formatPlatform(normal).length <= 1024);
      expect(parsePlatform(formatPlatform(normal))).toEqual(normal);
      expect(matchesPlatform(value, normal)).toBe(true);
    }),
  );
});

describe("matching", () => {
  test.each([
    ["linux/arm64", "linux/arm64/v8", true],
    ["linux/arm", "linux/arm/v7", true],
    ["linux/arm/v6", "linux/arm/v7", false],
    ["linux/amd64", "windows/amd64", false],
    ["windows/amd64", "windows(10.0.1)/amd64", true],
    ["windows(10.0.2)/amd64", "windows(10.0.1)/amd64", false],
    ["windows(+win32k)/amd64", "windows/amd64", false],
  ])("%s by %s: %s", (wanted, offered, answer) => {
    expect(matchesPlatform(parsePlatform(wanted), parsePlatform(offered))).toBe(answer);
  });

  test.each([
    ["linux/arm/v7", ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"]],
    ["linux/arm/v5", ["linux/arm/v5"]],
    ["linux/amd64/v3", ["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]],
    ["linux/amd64", ["linux/amd64"]],
    ["linux/arm64/v9", ["linux/arm64/v9", "linux/arm64"]],
    ["linux/riscv64", ["linux/riscv64"]],
  ])("a machine of %s runs %j", (text, choices) => {
    expect(platformChoices(parsePlatform(text)).map(formatPlatform)).toEqual(choices);
  });
});
