import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Gantry, type TransferEvent } from "../gantry.js";

/** A registry that is not ready the first time that it is asked for each thing, and never has it. */
const asked = new Set<string>();
const server = createServer((request, response) => {
  const key = `${request.method} ${request.url}`;
  response.writeHead(asked.has(key) ? 404 : 503).end();
  asked.add(key);
});
let host: string;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const options = {
  cacheDir: join(tmpdir(), "gantry-hosts-test"),
  dataDir: join(tmpdir(), "gantry-hosts-test"),
  retryDelay: 1,
};

describe("retries", () => {
  it("are heard by the operation that listens, once, and not by the options", async () => {
    const heard: TransferEvent[] = [];
    const fallback: TransferEvent[] = [];
    await using gantry = new Gantry({ ...options, onRetry: (event) => fallback.push(event) });
    await expect(
      gantry.copy(`${host}/a:1`, "oci:/nowhere", { onEvent: (event) => heard.push(event) }),
    ).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
    expect(heard).toContainEqual({ type: "retry", destination: host, reason: "it answered 503", delay: 1 });
    expect(heard).toHaveLength(new Set(asked).size);
    expect(fallback).toEqual([]);
  });

  it("are heard by the options when nobody listens, and not by an operation that is over", async () => {
    const over: TransferEvent[] = [];
    const fallback: TransferEvent[] = [];
    await using gantry = new Gantry({ ...options, onRetry: (event) => fallback.push(event) });
    await gantry.copy(`${host}/b:1`, "oci:/nowhere", { onEvent: (event) => over.push(event) }).catch(() => {});
    const before = over.length;
    await gantry.resolve(`${host}/b:2`).catch(() => {});
    expect(over).toHaveLength(before);
    expect(fallback.length).toBeGreaterThan(0);
  });
});
