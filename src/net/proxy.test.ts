import { expect, test } from "vitest";
import { proxyFor } from "./proxy.js";

const proxied = (url: string, noProxy = ""): boolean =>
  proxyFor(new URL(url), { http: "http://p.example:3128", https: "p.example:3129", noProxy }) !== undefined;

test("the target's scheme chooses the proxy; one without a scheme is http", () => {
  const settings = { http: "http://p.example:1", https: "p.example:2" };
  expect(proxyFor(new URL("http://a.example"), settings)?.href).toBe("http://p.example:1/");
  expect(proxyFor(new URL("https://a.example"), settings)?.href).toBe("http://p.example:2/");
  expect(proxyFor(new URL("https://a.example"), { http: "x" })).toBeUndefined();
  expect(() => proxyFor(new URL("https://a.example"), { https: "ftp://p" })).toThrow(
    expect.objectContaining({ code: "USAGE" }),
  );
});

test.each([
  ["http://localhost:5000", "", false],
  ["http://127.0.0.3", "", false],
  ["https://[::1]", "", false],
  ["https://a.example", "", true],
  ["https://a.example", "*", false],
  ["https://a.example", "b.example, a.example", false],
  ["https://sub.a.example", "a.example", false],
  ["https://ba.example", "a.example", true],
  ["https://a.example", ".a.example", true],
  ["https://sub.a.example", ".a.example", false],
  ["https://sub.a.example", "*.a.example", false],
  ["https://a.example", "*.a.example", true],
  ["https://A.example", "a.EXAMPLE", false],
  ["https://a.example", "a.example:443", false],
  ["https://a.example:8443", "a.example:443", true],
  ["http://a.example", "a.example:80", false],
  ["https://10.1.2.3", "10.0.0.0/8", false],
  ["https://11.1.2.3", "10.0.0.0/8", true],
  ["https://10.1.2.3", "10.1.2.3", false],
  ["https://10.1.2.3:5000", "10.1.2.3:5000", false],
  ["https://[fd00::1]", "fd00::/8", false],
  ["https://[fd00::1]:5000", "[fd00::1]:5000", false],
  ["https://[fd00::2]", "fd00::1", true],
  ["https://a.example", "10.0.0.0/99,,", true],
] as const)("%s with NO_PROXY=%s is proxied: %s", (url, noProxy, expected) => {
  expect(proxied(url, noProxy)).toBe(expected);
});
