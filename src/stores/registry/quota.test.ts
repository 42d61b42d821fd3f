import { describe, expect, it } from "vitest";
import { readQuota } from "./quota.js";

const NOW = (): number => 1_700_000_000_000;

describe("the headers of a quota", () => {
  it.each([
    [
      "Docker Hub's",
      { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "76;w=21600", "docker-ratelimit-source": "192.0.2.1" },
      { limit: 100, remaining: 76, window: 21600, countedFor: "192.0.2.1" },
    ],
    [
      "the draft's",
      { "ratelimit-limit": "10", "ratelimit-remaining": "0", "ratelimit-reset": "30" },
      { limit: 10, remaining: 0, resets: 1_700_000_030 },
    ],
    [
      "those with a time",
      { "x-ratelimit-remaining": "5", "x-ratelimit-reset": "1700000100" },
      { remaining: 5, resets: 1_700_000_100 },
    ],
    ["none", { "content-type": "text/plain" }, undefined],
    ["nonsense", { "ratelimit-remaining": "many" }, undefined],
    [
      "a source with control characters",
      { "ratelimit-remaining": "5", "docker-ratelimit-source": "a\u001b[2J" },
      { remaining: 5 },
    ],
  ])("%s", (_name, headers, expected) => {
    expect(readQuota(headers as Record<string, string>, NOW)).toEqual(expected);
  });
});
