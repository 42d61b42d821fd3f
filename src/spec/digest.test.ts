import * as fc from "fast-check";
import { expect, test } from "vitest";
import { algorithmOf, digestFrom, hexOf, isDigest, parseDigest, shortDigest } from "./digest.js";

test("what is put together comes apart", () => {
  const length = { sha256: 64, sha512: 128 } as const;
  fc.assert(
    fc.property(
      fc.constantFrom("sha256", "sha512"),
      fc.string({ unit: fc.constantFrom(...Array.from("0123456789abcdef")), minLength: 128 }),
      (algorithm, hex) => {
        const digits = hex.slice(0, length[algorithm]);
        const digest = parseDigest(digestFrom(algorithm, digits));
        expect([algorithmOf(digest), hexOf(digest)]).toEqual([algorithm, digits]);
        expect(shortDigest(digest)).toBe(`${algorithm}:${digits.slice(0, 12)}`);
      },
    ),
  );
});

test.each([
  "",
  "sha256:",
  `sha256:${"a".repeat(63)}`,
  `sha256:${"a".repeat(65)}`,
  `sha256:${"A".repeat(64)}`,
  `SHA256:${"a".repeat(64)}`,
  `sha256:${"a".repeat(64)}\n`,
  ` sha256:${"a".repeat(64)}`,
  `sha512:${"a".repeat(64)}`,
  `sha256:../../${"a".repeat(58)}`,
  `md5:${"a".repeat(32)}`,
  "a".repeat(64),
  "sha256:".repeat(20_000),
])("%j is not a digest", (text) => {
  expect(isDigest(text)).toBe(false);
  expect(() => parseDigest(text, "here")).toThrow(expect.objectContaining({ code: "DIGEST_INVALID", where: "here" }));
});

test("hex of the wrong length is not put together", () => {
  expect(() => digestFrom("sha256", "abc")).toThrow(expect.objectContaining({ code: "DIGEST_INVALID" }));
});
