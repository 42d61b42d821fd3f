import fc from "fast-check";
import { expect, test } from "vitest";
import { ANNOTATIONS, type Descriptor, digestFrom, type ImageIndex, MEDIA_TYPES } from "../../spec/index.js";
import { checkName, entriesNamed, nameOf, withName, withUnnamed } from "./index-entries.js";

const NAMES = ["a", "b", "c", "docker.io/library/a:latest"];

const entry: fc.Arbitrary<Descriptor> = fc
  .record({
    digit: fc.constantFrom("1", "2", "3", "4"),
    name: fc.option(fc.constantFrom(...NAMES)),
    full: fc.option(fc.constantFrom(...NAMES)),
    more: fc.boolean(),
  })
  .map(({ digit, name, full, more }) => {
    const annotations = {
      ...(name === null ? {} : { [ANNOTATIONS.refName]: name }),
      ...(full === null ? {} : { [ANNOTATIONS.containerdImageName]: full }),
      ...(more ? { own: "kept" } : {}),
    };
    const bare = { mediaType: MEDIA_TYPES.ociManifest, digest: digestFrom("sha256", digit.repeat(64)), size: 1 };
    return Object.keys(annotations).length === 0 ? bare : { ...bare, annotations };
  });

const index: fc.Arbitrary<ImageIndex> = fc
  .array(entry, { maxLength: 8 })
  .map((manifests) => ({ schemaVersion: 2, manifests, annotations: { index: "kept" } }));

const target: Descriptor = { mediaType: MEDIA_TYPES.ociIndex, digest: digestFrom("sha256", "1".repeat(64)), size: 9 };

test("after a name is set, it and only it means the target; every other name means what it meant", () => {
  fc.assert(
    fc.property(index, fc.constantFrom(...NAMES), (before, name) => {
      const after = withName(before, name, target);
      expect(entriesNamed(after, name).map((each) => [each.digest, each.size])).toEqual([[target.digest, 9]]);
      expect(after.annotations).toEqual(before.annotations);
      const others = (of: ImageIndex) =>
        of.manifests.filter((each) => nameOf(each) !== name && Object.keys(each.annotations ?? {}).length > 0);
      // The same entries, in the same order, by identity: nothing was rewritten.
      expect(others(after)).toEqual(others(before));
      for (const [at, each] of others(after).entries()) expect(each).toBe(others(before)[at]);
    }),
  );
});

test("setting a name twice changes nothing more, and no digest is lost but the one that was replaced", () => {
  fc.assert(
    fc.property(index, fc.constantFrom(...NAMES), (before, name) => {
      const after = withName(before, name, target);
      expect(withName(after, name, target)).toEqual(after);
      const replaced = new Set(before.manifests.filter((each) => nameOf(each) === name).map((each) => each.digest));
      const left = new Set(after.manifests.map((each) => each.digest));
      for (const { digest } of before.manifests) if (!replaced.has(digest)) expect(left).toContain(digest);
    }),
  );
});

test("what is kept without a name is there once", () => {
  fc.assert(
    fc.property(index, (before) => {
      const after = withUnnamed(before, target);
      expect(after.manifests.some((each) => each.digest === target.digest)).toBe(true);
      expect(withUnnamed(after, target)).toBe(after);
      expect(after.manifests.slice(0, before.manifests.length)).toEqual(before.manifests);
    }),
  );
});

test.each(["latest", "_x", "v1.2-rc+3", "docker.io/library/a:latest", "[::1]:5000/a:1", "a@sha256:ab", "a--b", ""])(
  "%j is a name",
  (name) => {
    expect(() => checkName(name)).not.toThrow();
  },
);
