import { expect, test } from "vitest";
import { nearest } from "./nearest.js";

test.each([
  ["layrs", "layers"],
  ["LAYERS", "layers"],
  ["latets", "latest"],
  ["1.2", "1.1"],
  ["quite other", undefined],
  ["", undefined],
  ["x".repeat(100_000), undefined],
])("%s was meant to be %s", (wanted, meant) => {
  expect(nearest(wanted, ["layers", "latest", "1.1", "config"])).toBe(meant);
});

test("the nearest of several, the first of equals", () => {
  expect(nearest("1.1", ["1.0", "1.11", "1.1"])).toBe("1.1");
  expect(nearest("1.2", ["1.0", "1.1"])).toBe("1.0");
});
