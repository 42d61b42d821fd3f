import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesGlob } from "./glob.js";
import { KeyLock } from "./key-lock.js";
import { pageOf } from "./page.js";
import { isTag } from "../spec/index.js";
import { parseContentRange, parseRange } from "./ranges.js";
import { tagFile, tagOfFile } from "./tag-file.js";

test("a range is the part of the content that slice gives, or cannot be had", () => {
  fc.assert(
    fc.property(fc.nat(50), fc.option(fc.nat(60)), fc.option(fc.nat(60)), (size, first, last) => {
      const content = Array.from({ length: size }, (_, at) => at);
      const range = parseRange(`bytes=${first ?? ""}-${last ?? ""}`, size);
      if (first === null && last === null) return range === undefined;
      const wanted =
        first === null
          ? content.slice(last === 0 ? size : -last!)
          : content.slice(first, last === null ? undefined : last + 1);
      if (range === "unsatisfiable") return wanted.length === 0;
      return (
        range !== undefined &&
        JSON.stringify(content.slice(range.start, range.start + range.length)) === JSON.stringify(wanted)
      );
    }),
  );
});

test("the ranges of chunks, in both spellings, and what is none", () => {
  expect(parseContentRange("0-511")).toEqual({ start: 0, end: 511 });
  expect(parseContentRange("bytes 5-9/10")).toEqual({ start: 5, end: 9 });
  expect(parseContentRange("bytes=5-9")).toEqual({ start: 5, end: 9 });
  for (const text of ["", "5-4", "0--1", "-5", "5-", "a-b", "0-5,7-9"]) expect(parseContentRange(text)).toBeUndefined();
});

test("a glob matches what the regular expression of the same meaning matches", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 8 });
  const patterns = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(patterns, letters, (pattern, text) => {
      const expression = pattern.replaceAll(".", "\\.").replaceAll("*", ".*").replaceAll("?", ".");
      return matchesGlob(pattern, text) === new RegExp(`^${expression}$`).test(text);
    }),
  );
});

test("pages, one after the other, are the sorted list", async () => {
  async function* shuffled(names: readonly string[]): AsyncGenerator<string> {
    yield* names;
  }
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.string({ unit: "binary-ascii", minLength: 1 })),
      fc.integer({ min: 1, max: 9 }),
      async (names, limit) => {
        const all: string[] = [];
        for (let more = true; more; ) {
          const page = await pageOf(shuffled(names), limit, all.at(-1));
          expect(page.names.length).toBeLessThanOrEqual(limit);
          expect(page.more && page.names.length === 0).toBe(false);
          all.push(...page.names);
          more = page.more;
        }
        expect(all).toEqual([...names].sort((a, b) => (a < b ? -1 : 1)));
      },
    ),
  );
  const many = Array.from({ length: 20_000 }, (_, at) => String((at * 7919) % 20_000).padStart(5, "0"));
  expect(await pageOf(shuffled(many), 3, "00100")).toEqual({ names: ["00101", "00102", "00103"], more: true });
});

test("what has one key runs one after the other, failures too; other keys do not wait", async () => {
  const lock = new KeyLock();
  const order: string[] = [];
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const first = lock.run("a", async () => {
    await gate;
    order.push("a1");
    throw new Error("no");
  });
  const second = lock.run("a", () => Promise.resolve(order.push("a2")));
  await lock.run("b", () => Promise.resolve(order.push("b")));
  open();
  await expect(first).rejects.toThrow("no");
  await second;
  expect(order).toEqual(["b", "a1", "a2"]);
});

test("tags that differ in case only have files that differ in more, and come back", () => {
  const tags = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/);
  fc.assert(
    fc.property(tags, tags, (one, two) => {
      expect(isTag(one)).toBe(true);
      expect(tagOfFile(tagFile(one))).toBe(one);
      expect(tagFile(one)).toBe(tagFile(one).toLowerCase());
      expect(tagFile(one) === tagFile(two)).toBe(one === two);
      expect(tagFile(one).length).toBeLessThanOrEqual(161);
    }),
  );
  expect(new Set(["v1A", "V1a", "v1a", "V1A"].map(tagFile)).size).toBe(4);
});
