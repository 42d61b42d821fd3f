import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatReference,
  isRepository,
  isTag,
  parseHost,
  parseReference,
  type Reference,
  withDefaultTag,
} from "./reference.js";

const sha256 = `sha256:${"f".repeat(64)}`;
const sha512 = `sha512:${"f".repeat(128)}`;

// The facts of distribution/reference's tables (reference_test.go, normalize_test.go), host filled in as Docker does.
describe("parseReference reads", () => {
  test.each<[string, string]>([
    ["alpine", "docker.io/library/alpine"],
    ["test_com", "docker.io/library/test_com"],
    ["test.com:tag", "docker.io/library/test.com:tag"],
    ["test.com:5000", "docker.io/library/test.com:5000"],
    ["test.com/repo:tag", "test.com/repo:tag"],
    ["test:5000/repo", "test:5000/repo"],
    ["test:5000/repo:tag", "test:5000/repo:tag"],
    [`test:5000/repo@${sha256}`, `test:5000/repo@${sha256}`],
    [`test:5000/repo:tag@${sha256}`, `test:5000/repo:tag@${sha256}`],
    [`test:5000/repo@${sha512}`, `test:5000/repo@${sha512}`],
    ["lowercase:Uppercase", "docker.io/library/lowercase:Uppercase"],
    ["sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com/bar/baz/quux:some-long-tag"],
    ["b.gcr.io/test.example.com/my-app:test.example.com", "b.gcr.io/test.example.com/my-app:test.example.com"],
    ["xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com/myimage:xn--n3h.com"],
    ["foo/foo_bar.com:8080", "docker.io/foo/foo_bar.com:8080"],
    ["foo/foo__bar---baz", "docker.io/foo/foo__bar---baz"],
    ["docker/docker", "docker.io/docker/docker"],
    ["library/debian", "docker.io/library/debian"],
    ["docker.io/debian", "docker.io/library/debian"],
    ["docker.io/library/debian", "docker.io/library/debian"],
    ["index.docker.io/debian", "docker.io/library/debian"],
    ["index.docker.io/a/b", "docker.io/a/b"],
    ["localhost/debian", "localhost/debian"],
    ["localhost:5000/debian", "localhost:5000/debian"],
    ["127.0.0.1:5000/docker/docker", "127.0.0.1:5000/docker/docker"],
    ["LOCALHOST/debian", "localhost/debian"],
    ["GHCR.io/acme/app", "ghcr.io/acme/app"],
    ["[2001:db8::1]/repo", "[2001:db8::1]/repo"],
    ["[2001:DB8::1]:5000/repo:tag", "[2001:db8::1]:5000/repo:tag"],
    ["[::1]:5000/x", "[::1]:5000/x"],
    [`a.b/${"a/".repeat(127)}a`, `a.b/${"a/".repeat(127)}a`],
    [`${"a".repeat(63)}f`, ""],
    [`x:${"a".repeat(128)}`, `docker.io/library/x:${"a".repeat(128)}`],
  ])("%s", (text, full) => {
    if (full === "") return expect(() => parseReference(text)).toThrow("64 hex digits are an image id");
    expect(formatReference(parseReference(text))).toBe(full);
  });
});

describe("parseReference refuses", () => {
  test.each([
    "",
    ":justtag",
    `@${sha256}`,
    "repo@sha256:ffff",
    `validname@invaliddigest:${"f".repeat(128)}`,
    `a@${sha256}@${sha256}`,
    "Uppercase:tag",
    "Uppercase/lowercase",
    "test:5000/Uppercase/lowercase:tag",
    "docker.io/Foo",
    "aa/asdf$$^/aa",
    "a//b",
    "/a",
    "a/",
    "a.b/",
    ".a/b",
    "-foo/bar",
    "foo-/bar",
    "foo/bar-",
    "foo/bar_",
    "foo/_bar",
    "foo___bar",
    "foo..bar",
    "foo/../bar",
    "foo._bar",
    "-a.b/c",
    "a-.b/c",
    "a..b/c",
    "foo_bar.com:8080/x",
    "a.b:/c",
    "a.b:0/c",
    "a.b:65536/c",
    "a.b:99999999999/c",
    "[2001:db8::1/repo",
    "[fe80::1%eth0]/repo",
    "[fe80::1%25eth0]:5000/repo",
    "[::1::2]/repo",
    "[]/repo",
    "2001:db8::1:5000/repo",
    "https://ghcr.io/a",
    "☃.com/myimage",
    "a b",
    " alpine",
    "alpine ",
    "alpine\n",
    "alpine:tag\n",
    "alpine:",
    "alpine:-x",
    "alpine:.x",
    `x:${"a".repeat(129)}`,
    `a.b/${"a/".repeat(128)}a`,
    "a".repeat(64),
    `a.b/${"x".repeat(5000)}`,
    `${"x".repeat(300)}.com/a`,
  ])("%j", (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(REFERENCE|DIGEST)_INVALID$/) }),
    );
  });

  test("credentials in a name, without repeating them", () => {
    for (const text of ["user:hunter2@ghcr.io/a/b", "hunter2@ghcr.io/a", "https://user:hunter2@ghcr.io/a:1"]) {
      let message = "";
      try {
        parseReference(text);
      } catch (error) {
        message = JSON.stringify(error);
      }
      expect(message).toMatch(/Credentials do not belong in a name/);
      expect(message).not.toContain("hunter2");
    }
    expect(() => parseHost("user:hunter2@ghcr.io")).toThrow(/a user or password/);
  });

  // A pattern that backtracks would hang here (threats 68).
  test.each(["a-", "a__", "a.", "a", "-", "_", "a/", "a:", "[", "a@", "0:"])("100 kB of %j, at once", (piece) => {
    const long = piece.repeat(100_000 / piece.length);
    for (const text of [long, `${long}!`, `a.b/${long}`, `${long}/x`]) {
      expect(() => parseReference(text)).toThrow();
      expect(() => parseHost(`${text}!`)).toThrow();
      isTag(text);
      isRepository(`${text}!`);
    }
    const near = `${piece.repeat(250 / piece.length)}!`;
    expect(isRepository(near)).toBe(false);
    expect(() => parseReference(near)).toThrow();
  });
});

describe("references", () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}$/);
  const host = fc.oneof(
    fc.constantFrom("docker.io", "localhost", "[::1]:5000", "127.0.0.1:80"),
    fc.stringMatching(/^[a-z0-9]{1,10}\.[a-z]{2,5}(:[1-9][0-9]{0,3})?$/),
  );
  const reference: fc.Arbitrary<Reference> = fc
    .record({
      host,
      parts: fc.array(component, { minLength: 2, maxLength: 4 }),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/), { nil: undefined }),
      digest: fc.option(fc.constantFrom(sha256, sha512), { nil: undefined }),
    })
    .map(
      ({ host, parts, tag, digest }) =>
        ({
          host,
          repository: parts.join("/"),
          ...(tag === undefined ? {} : { tag }),
          ...(digest === undefined ? {} : { digest }),
        }) as Reference,
    );

  test("a reference that is written and read is itself", () => {
    fc.assert(
      fc.property(reference, (value) => {
        expect(parseReference(formatReference(value))).toEqual(value);
      }),
    );
  });

  test("any text is read into a fixed point, or refused with a code", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from("abA0.:/@_-[]% \n")) }), (text) => {
        let value: Reference;
        try {
          value = parseReference(text);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/_INVALID$/) });
          return;
        }
        expect(parseReference(formatReference(value))).toEqual(value);
      }),
      { numRuns: 2000 },
    );
  });

  test("latest is filled in where nothing says which", () => {
    expect(withDefaultTag(parseReference("alpine")).tag).toBe("latest");
    expect(withDefaultTag(parseReference("alpine:3")).tag).toBe("3");
    expect(withDefaultTag(parseReference(`alpine@${sha256}`)).tag).toBeUndefined();
  });
});
