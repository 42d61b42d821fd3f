import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testAuthority } from "../../test/support/certificates.js";
import { serve } from "./index.js";

let folder: string;
let cert: string;
let key: string;
let ca: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-tls-"));
  const authority = await testAuthority();
  ({ cert, key } = await authority.issue("127.0.0.1"));
  ca = authority.ca;
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function ping(url: string, options: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v2/`, { ca, agent: false, ...options }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

test("TLS, from version 1.2 on, and no plain HTTP beside it", async () => {
  await using registry = await serve({ root: join(folder, "one"), tls: { cert, key } });
  expect(registry.url).toMatch(/^https:/);
  expect(await ping(registry.url, {})).toBe(200);
  expect(await ping(registry.url, { maxVersion: "TLSv1.2" })).toBe(200);
  await expect(ping(registry.url, { minVersion: "TLSv1", maxVersion: "TLSv1.1" })).rejects.toThrow();
  await expect(fetch(`http://${registry.host}/v2/`)).rejects.toThrow();
});

test("with an authority for clients, only those it knows come through", async () => {
  await using registry = await serve({ root: join(folder, "two"), tls: { cert, key, clientCa: ca } });
  expect(await ping(registry.url, { cert, key })).toBe(200);
  await expect(ping(registry.url, {})).rejects.toThrow();
  expect(registry.requests).toBe(1);
});
