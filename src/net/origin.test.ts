import { describe, expect, test } from "vitest";
import { checkTarget, reach, realmAllowed, sameOrigin } from "./origin.js";

const url = (text: string): URL => new URL(text);

test("one origin is scheme, host and port, default ports written or not", () => {
  const same = (a: string, b: string): boolean => sameOrigin(url(a), url(b));
  expect(same("https://r.example/a", "https://R.example:443/b")).toBe(true);
  for (const other of [
    "http://r.example",
    "https://r.example:444",
    "https://a.r.example",
    "https://r.example.evil.com",
    "https://example",
  ]) {
    expect(same("https://r.example", other), other).toBe(false);
  }
});

test.each([
  ["127.0.0.1", "loopback"],
  ["127.9.9.9:5000", "loopback"],
  ["[::1]:5000", "loopback"],
  ["localhost", "loopback"],
  ["localhost.", "loopback"],
  ["a.localhost:80", "loopback"],
  ["::ffff:127.0.0.1", "loopback"],
  ["10.0.0.1", "private"],
  ["192.168.1.1:5000", "private"],
  ["172.16.0.1", "private"],
  ["169.254.169.254", "private"],
  ["100.64.0.1", "private"],
  ["0.0.0.0", "private"],
  ["[::ffff:10.0.0.1]", "private"],
  ["[fe80::1]", "private"],
  ["[fd00::1]:443", "private"],
  ["8.8.8.8", "public"],
  ["registry.example:5000", "public"],
  ["localhost.example", "public"],
] as const)("%s is %s", (host, expected) => {
  expect(reach(host)).toBe(expected);
});

describe("realms (threats.md rows 1-5)", () => {
  const registry = url("https://registry.example.com/");
  test.each([
    "https://registry.example.com/token",
    "https://registry.example.com:8443/token",
    "https://auth.example.com/token",
    "https://example.com/token",
  ])("%s is allowed", async (realm) => {
    expect(await realmAllowed(registry, url(realm))).toBe(true);
  });
  test.each([
    "http://registry.example.com/token",
    "http://auth.example.com/token",
    "https://example.org/token",
    "https://registry.example.com.evil.org/token",
    "https://evilexample.com/token",
    "https://user:pass@registry.example.com/token",
    "https://169.254.169.254/latest",
    "https://[::1]/token",
    "https://0.0.0.0/token",
    "https://[::ffff:10.0.0.1]/token",
    "https://2130706433/token",
    "https://0177.0.0.1/token",
    "file:///token",
  ])("%s is not", async (realm) => {
    expect(await realmAllowed(registry, url(realm))).toBe(false);
  });
  test("Docker Hub's is; tenants of one provider are strangers; addresses are only themselves", async () => {
    const allowed = (a: string, b: string, more?: string[]): Promise<boolean> => realmAllowed(url(a), url(b), more);
    expect(await allowed("https://registry-1.docker.io", "https://auth.docker.io/token")).toBe(true);
    expect(await allowed("https://a.github.io", "https://b.github.io/token")).toBe(false);
    expect(await allowed("https://a.co.uk", "https://b.co.uk/token")).toBe(false);
    expect(await allowed("http://127.0.0.1:5000", "http://127.0.0.1:5001/token")).toBe(true);
    expect(await allowed("http://127.0.0.1:5000", "http://127.0.0.2:5000/token")).toBe(false);
    expect(await allowed("https://a.example", "https://b.example.org/", ["B.example.org"])).toBe(true);
    expect(await allowed("https://a.example", "http://b.example.org/", ["b.example.org"])).toBe(false);
  });
});

describe("targets (threats.md rows 21-23)", () => {
  const check =
    (from: string, to: string, registry = from) =>
    (): void =>
      checkTarget(url(from), url(to), url(registry), "redirects to");
  test.each([
    ["https://r.example", "https://cdn.example.org"],
    ["http://127.0.0.1:5000", "http://127.0.0.2:6000"],
    ["http://10.0.0.1", "http://10.0.0.2"],
    ["http://127.0.0.1", "http://10.0.0.2"],
    ["https://r.example", "https://r.example:9000"],
    ["http://r.example", "https://8.8.8.8"],
  ])("%s may lead to %s", (from, to) => {
    expect(check(from, to)).not.toThrow();
  });
  test.each([
    ["https://r.example", "http://cdn.example.org"],
    ["https://r.example", "https://127.0.0.1"],
    ["https://r.example", "https://localhost:1"],
    ["https://r.example", "https://169.254.169.254/latest/meta-data"],
    ["https://r.example", "https://10.1.2.3"],
    ["https://r.example", "https://[::ffff:169.254.169.254]"],
    ["https://r.example", "https://2852039166/"],
    ["https://10.0.0.1", "https://127.0.0.1"],
    ["https://r.example", "file:///etc/passwd"],
    ["https://r.example", "https://user:pass@cdn.example.org"],
  ])("%s may not lead to %s", (from, to) => {
    expect(check(from, to)).toThrow(expect.objectContaining({ code: "ORIGIN_REFUSED" }));
  });
});
