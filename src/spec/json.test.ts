import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeJson, MAX_DOCUMENT_BYTES, parseJson } from "./json.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string): unknown => parseJson(bytes(text), "it");

describe("parseJson", () => {
  test("reads what JSON.parse reads, whatever the space between", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6, noUnicodeString: false }), fc.constantFrom(0, 2, "\t"), (text, indent) => {
        const value: unknown = JSON.parse(text);
        // Half surrogate pairs are refused on purpose, so they are left out of the comparison.
        fc.pre(!/\\ud[89a-f]/i.test(text));
        expect(JSON.parse(JSON.stringify(read(JSON.stringify(value, null, indent))))).toEqual(value);
      }),
    );
  });

  test("refuses what JSON.parse refuses, over mutated documents", () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom(...Array.from('{}[]",:0-.e\\u \n\u0000')),
        (text, at, c) => {
          const where = at % (text.length + 1);
          const mutated = text.slice(0, where) + c + text.slice(where);
          let good = true;
          try {
            JSON.parse(mutated);
          } catch {
            good = false;
          }
          if (!good) expect(() => read(mutated)).toThrow(expect.objectContaining({ code: "MANIFEST_INVALID" }));
        },
      ),
      { numRuns: 500 },
    );
  });

  test.each([
    ['{"a":1,"a":2}', /key "a" twice.*line 1, column 8/],
    ['{"a":1,"\\u0061":2}', /key "a" twice/],
    ['[{"x":{"b":1,\n"b":1}}]', /key "b" twice.*line 2, column 1/],
    ['{"__proto__":1,"__proto__":2}', /twice/],
    ["\uFEFF{}", /byte order mark/],
    ["{} {}", /goes on after its end/],
    ["{}x", /goes on after its end/],
    ["", /ends too early/],
    ['{"a":', /ends too early/],
    ['"abc', /ends within a string/],
    ['"a\\', /ends within a string/],
    ['"a\nb"', /bare control character/],
    ['"\\x"', /escape/],
    ['"\\ud800"', /half a surrogate pair/],
    ["[1,]", /is not JSON/],
    ['{"a":1,}', /is not JSON/],
    ["[01]", /is not JSON/],
    ["+1", /is not JSON/],
    ["NaN", /is not JSON/],
    ["'a'", /is not JSON/],
    ["1e999", /out of range/],
    ["\u00a0{}", /is not JSON/],
  ])("refuses %j", (text, why) => {
    expect(() => read(text)).toThrow(why);
  });

  test("refuses bytes that are not UTF-8", () => {
    expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]), "the config", "CONFIG_INVALID")).toThrow(
      expect.objectContaining({ code: "CONFIG_INVALID", message: "the config is not UTF-8" }),
    );
  });

  test("objects have no prototype and keep every key", () => {
    const value = read('{"__proto__":{"polluted":1},"constructor":2,"toString":3}') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.keys(value)).toEqual(["__proto__", "constructor", "toString"]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("64 levels are read, 65 are not, and a million are an answer (faults D28)", () => {
    expect(read("[".repeat(64) + "]".repeat(64))).toBeDefined();
    for (const text of ["[".repeat(65) + "]".repeat(65), "[".repeat(1_000_000), '{"a":'.repeat(500_000)])
      expect(() => read(text)).toThrow(expect.objectContaining({ code: "MANIFEST_INVALID" }));
  });

  test("refuses what is too large before it decodes (faults D26)", () => {
    const code = "TOO_LARGE";
    expect(() => parseJson(new Uint8Array(MAX_DOCUMENT_BYTES + 1), "it")).toThrow(expect.objectContaining({ code }));
    expect(() => parseJson(bytes("[1,2]"), "it", "MANIFEST_INVALID", 4)).toThrow(expect.objectContaining({ code }));
  });

  test("a document that is written and read is the same value", () => {
    const value = { z: 1, a: ["ü", null, true, -1.5e3] };
    expect(parseJson(encodeJson(value), "it")).toEqual(value);
    expect(new TextDecoder().decode(encodeJson(value))).toBe('{"z":1,"a":["ü",null,true,-1500]}');
  });
});
