import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges } from "./challenge.js";
import { nextPage, parseLinks } from "./link-header.js";
import { escapeControls, redactHeader, redactUrl } from "./redact.js";
import { parseRetryAfter } from "./retry-after.js";
import { covers, repositoryOf, scopeList, scopeSet } from "./scopes.js";

const token = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const quote = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`;
const value = fc.string({ unit: "grapheme-ascii" });

describe("WWW-Authenticate", () => {
  const read = (header: string): [string, Record<string, string>][] =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

  test("several challenges, commas in quotes, blobs instead of parameters", () => {
    expect(read('Bearer realm="https://a/t",service="x, y",scope="repository:a/b:pull,push", Basic realm=r')).toEqual([
      ["bearer", { realm: "https://a/t", service: "x, y", scope: "repository:a/b:pull,push" }],
      ["basic", { realm: "r" }],
    ]);
    expect(read('Negotiate YII=, NTLM, basic Realm = "a\\"b" ')).toEqual([
      ["negotiate", {}],
      ["ntlm", {}],
      ["basic", { realm: 'a"b' }],
    ]);
    expect(read("")).toEqual([]);
    expect(read('"stray, Basic realm=x", Bearer realm="y')).toEqual([["bearer", { realm: "y" }]]);
  });

  test("what is written is read", () => {
    const parameters = fc.uniqueArray(fc.tuple(token, value), {
      selector: ([name]) => name.toLowerCase(),
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(token, parameters), { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(([scheme, list]) => `${scheme} ${list.map(([name, text]) => `${name}=${quote(text)}`).join(", ")}`)
          .join(", ");
        const expected = challenges.map(([scheme, list]) => [
          scheme.toLowerCase(),
          new Map(list.map(([name, text]) => [name.toLowerCase(), text])),
        ]);
        expect(parseChallenges(header).map(({ scheme, parameters }) => [scheme, parameters])).toEqual(expected);
      }),
    );
  });

  test("anything at all is read, and a megabyte of anything in one pass", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (header) => void parseChallenges(header)));
    for (const piece of ['"', ",", "a ", "a=", "=", 'a="', "\\", "a b ", "Basic ,"])
      parseChallenges(piece.repeat(2 ** 18));
  });
});

describe("Link", () => {
  test("the next page, wherever it is among others", () => {
    const page = new URL("https://r.example/v2/a/tags/list?n=2");
    expect(nextPage('</v2/a/tags/list?last=b&n=2>; rel="next"', page)?.href).toBe(
      "https://r.example/v2/a/tags/list?last=b&n=2",
    );
    expect(nextPage('<x>; rel=prev, <?n=3>; title="a, <b>; rel=next"; rel="last NEXT"', page)?.search).toBe("?n=3");
    expect(nextPage("<http://[bad>; rel=next", page)).toBeUndefined();
    expect(nextPage('<x>; title="rel=next"', page)).toBeUndefined();
    expect(nextPage(undefined, page)).toBeUndefined();
  });

  test("what is written is read", () => {
    const link = fc.record({
      target: fc.webPath(),
      rel: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/), { maxLength: 3 }),
      title: value,
    });
    fc.assert(
      fc.property(fc.array(link, { maxLength: 5 }), (links) => {
        const header = links
          .map(({ target, rel, title }) => `<${target}>; title=${quote(title)}; rel="${rel.join(" ")}"`)
          .join(", ");
        expect(parseLinks(header)).toEqual(links.map(({ target, rel }) => ({ target, rel })));
      }),
    );
  });

  test("anything at all is read, and a megabyte of anything in one pass", () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (header) => void parseLinks(header)));
    for (const piece of ["<", "<>", "<>;", "<>;a", '<>;a="', ";", "<>,"]) parseLinks(piece.repeat(2 ** 18));
  });
});

test("Retry-After is between now and a minute, or nothing", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.nat().map(String),
        fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
      ),
      fc.nat(),
      (header, now) => {
        const wait = parseRetryAfter(header, now);
        expect(wait === undefined || (wait >= 0 && wait <= 60_000)).toBe(true);
      },
    ),
  );
  expect(parseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", 0)).toBe(60_000);
});

describe("scopes", () => {
  test("a set covers itself, its parts, and what is in the union of two", () => {
    const scope = fc
      .tuple(fc.constantFrom("a", "a/b", "host:5000/c"), fc.subarray(["pull", "push", "delete"], { minLength: 1 }))
      .map(([name, actions]) => `repository:${name}:${actions.join(",")}`);
    fc.assert(
      fc.property(fc.array(scope), fc.array(scope), (a, b) => {
        const union = scopeSet(...a, ...b);
        expect(covers(union, scopeSet(...a)) && covers(union, scopeSet(...b))).toBe(true);
        expect(scopeSet(scopeList(union).join(" "))).toEqual(scopeSet(...scopeList(union)));
        if (!covers(scopeSet(...a), scopeSet(...b))) expect(scopeList(union)).not.toEqual(scopeList(scopeSet(...a)));
      }),
    );
  });

  test("the repository of a scope", () => {
    expect(repositoryOf(["registry:catalog:*", "repository:a/b:pull"])).toBe("a/b");
    expect(repositoryOf(["repository:host:5000/b:pull"])).toBe("host:5000/b");
    expect(repositoryOf(undefined)).toBeUndefined();
  });
});

describe("redaction (threats.md rows 14, 15, 91)", () => {
  test("what grants something is masked, the rest stays", () => {
    expect(redactUrl("https://u:p@b.example/x?X-Amz-Signature=abc&n=5&sig=d&%73ig=e&_state=f#frag")).toBe(
      "https://***@b.example/x?X-Amz-Signature=***&n=5&sig=***&%73ig=***&_state=***",
    );
    expect(redactHeader("Authorization", "Bearer abc")).toBe("Bearer ***");
    expect(redactHeader("authorization", "abc")).toBe("***");
    expect(redactHeader("Location", "/v2/a/blobs/uploads/1?_state=abc")).toBe("/v2/a/blobs/uploads/1?_state=***");
    expect(redactHeader("Link", '<https://a/?token=abc>; rel="next"')).toBe('<https://a/?token=***>; rel="next"');
    expect(escapeControls("\u001b]0;x\u0007\u202e")).toBe("\\x1b]0;x\\x07\\u202e");
  });

  test("no secret comes through, wherever it stands", () => {
    const names = fc.constantFrom(
      "token",
      "X-Amz-Credential",
      "X-Goog-Signature",
      "sig",
      "password",
      "_state",
      "access_token",
    );
    fc.assert(
      fc.property(names, fc.boolean(), (name, first) => {
        const pair = `${name}=S3CRET`;
        const shown = redactUrl(`https://me:S3CRET@h.example/p?${first ? `${pair}&a=b` : `a=b&${pair}`}`);
        expect(shown).not.toContain("S3CRET");
        expect(shown).toContain("a=b");
      }),
    );
  });
});
