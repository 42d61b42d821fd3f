import { describe, expect, test } from "vitest";
import { GantryError } from "../errors.js";
import { budget } from "./budget.js";
import { retry, type RetryEvent } from "./retry.js";
import { startOrigin, type TestOrigin, textOf } from "./test-origin.js";
import { compose, type HttpRequest, type Middleware } from "./transport.js";
import { undiciTransport } from "./undici-transport.js";

const NOW = Date.parse("2026-01-01T00:00:00Z");

/** Answers the statuses one after another, then 200. */
function flaky(...answers: { status: number; retryAfter?: string }[]): Promise<TestOrigin> {
  return startOrigin((_, response, origin) => {
    const answer = answers[origin.seen.length - 1];
    if (answer === undefined) return void response.end("ok");
    return void response
      .writeHead(answer.status, answer.retryAfter === undefined ? {} : { "retry-after": answer.retryAfter })
      .end("<html>");
  });
}

async function run(
  origin: { host: string; url: URL },
  options: Parameters<typeof retry>[0] = {},
  more: Partial<HttpRequest> = {},
  ...around: Middleware[]
): Promise<{ outcome: string | number; delays: number[]; events: RetryEvent[] }> {
  const delays: number[] = [];
  const events: RetryEvent[] = [];
  await using wire = undiciTransport({ name: origin.host });
  const given = {
    now: () => NOW,
    random: () => 1,
    sleep: (milliseconds: number) => (delays.push(milliseconds), Promise.resolve()),
    onRetry: (event: RetryEvent) => void events.push(event),
  };
  const send = compose(wire, retry({ ...given, ...options }), ...around);
  const outcome = await send({ method: "GET", url: origin.url, repeat: "safe", ...more }).then(
    async (response) => (await response.discard(), response.status),
    (error: GantryError) => error.code,
  );
  return { outcome, delays, events };
}

describe("what is repeated", () => {
  test.each([408, 429, 499, 500, 502, 503, 504, 522])("%i is", async (status) => {
    await using origin = await flaky({ status }, { status });
    expect(await run(origin)).toMatchObject({ outcome: 200, delays: [250, 500] });
  });

  test.each([400, 401, 403, 404, 405, 409, 413, 416, 501])("%i is not", async (status) => {
    await using origin = await flaky({ status });
    expect(await run(origin)).toMatchObject({ outcome: status, delays: [] });
    expect(origin.seen).toHaveLength(1);
  });

  test("what only its caller can repeat is not", async () => {
    await using origin = await flaky({ status: 503 });
    expect(await run(origin, {}, { method: "POST", repeat: "never" })).toMatchObject({ outcome: 503 });
  });

  test("a reset connection is, with the body from its beginning", async () => {
    await using origin = await startOrigin((request, response, self) => {
      if (self.seen.length < 4) return void request.socket.resetAndDestroy();
      let length = 0;
      return void request
        .on("data", (chunk: Buffer) => (length += chunk.byteLength))
        .on("end", () => response.end(String(length)));
    });
    await using wire = undiciTransport({ name: origin.host });
    const send = compose(wire, retry({ sleep: () => Promise.resolve() }));
    const body = {
      size: 5,
      async *open() {
        yield new Uint8Array(5);
      },
    };
    expect(await textOf(await send({ method: "PUT", url: origin.url, body, repeat: "safe" }))).toBe("5");
  });

  test("the last answer, and the last error, come through", async () => {
    await using origin = await flaky(...Array.from({ length: 20 }, () => ({ status: 503 })));
    const { outcome, delays } = await run(origin);
    expect(outcome).toBe(503);
    expect(delays).toEqual([250, 500, 1000, 2000, 4000, 4000, 4000]);
    expect(origin.seen).toHaveLength(8);
    const gone = await startOrigin(() => {});
    await gone[Symbol.asyncDispose]();
    const refused = await run(gone);
    expect(refused.outcome).toBe("CONNECTION_FAILED");
    // Enough for a registry that takes three seconds to start, whatever chance says.
    expect(refused.delays.reduce((sum, delay) => sum + delay / 2, 0)).toBeGreaterThan(3_000);
  });

  test.each([
    ["ENOTFOUND", 2],
    ["ECONNRESET", 8],
  ])("%s is tried %i times, an untrusted certificate once", async (cause, times) => {
    let sent = 0;
    const failing = (code: "CONNECTION_FAILED" | "TLS_UNTRUSTED"): Promise<unknown> =>
      compose(
        () => {
          sent += 1;
          return Promise.reject(new GantryError(code, "it failed", { facts: { cause } }));
        },
        retry({ sleep: () => Promise.resolve() }),
      )({ method: "GET", url: new URL("https://r.example"), repeat: "safe" });
    await expect(failing("CONNECTION_FAILED")).rejects.toThrow("it failed");
    expect(sent).toBe(times);
    sent = 0;
    await expect(failing("TLS_UNTRUSTED")).rejects.toThrow("it failed");
    expect(sent).toBe(1);
  });
});

describe("the pause", () => {
  test.each([
    ["2", 2_000],
    ["Thu, 01 Jan 2026 00:00:03 GMT", 3_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["Tue, 01 Jan 2036 00:00:00 GMT", 60_000],
    ["9999999", 60_000],
    ["-5", 250],
    ["soon", 250],
    ["1e9", 250],
  ])("Retry-After: %s", async (retryAfter, delay) => {
    await using origin = await flaky({ status: 429, retryAfter });
    expect((await run(origin)).delays).toEqual([delay]);
  });

  test("--retry-delay is fixed; events say what happens, without secrets", async () => {
    await using origin = await flaky({ status: 502 });
    const url = new URL("/v2/?_state=secret", origin.url);
    const { delays, events } = await run(origin, { delay: 7, attempts: 3 }, { url });
    expect(delays).toEqual([7]);
    expect(events).toEqual([
      { method: "GET", url: `${origin.url.href}v2/?_state=***`, attempt: 2, attempts: 3, delay: 7, reason: "502" },
    ]);
  });

  test("is over when the signal says so", async () => {
    await using origin = await flaky({ status: 429, retryAfter: "60" });
    await using wire = undiciTransport({ name: origin.host });
    const controller = new AbortController();
    const send = compose(wire, retry({ onRetry: () => setTimeout(() => controller.abort(new Error("enough")), 10) }));
    await expect(send({ method: "GET", url: origin.url, repeat: "safe", signal: controller.signal })).rejects.toThrow(
      "enough",
    );
  });
});

describe("the budget", () => {
  test("lets no more than its number ask at once, and everyone in the end", async () => {
    let now = 0;
    let most = 0;
    await using origin = await startOrigin((_, response) => {
      now += 1;
      most = Math.max(most, now);
      setTimeout(() => {
        now -= 1;
        response.end();
      }, 5);
    });
    await using wire = undiciTransport({ name: origin.host });
    const send = compose(wire, budget({ concurrency: 3 }));
    const one = async (): Promise<void> => (await send({ method: "GET", url: origin.url, repeat: "safe" })).discard();
    await Promise.all(Array.from({ length: 30 }, one));
    expect([most, origin.seen.length]).toEqual([3, 30]);
  });

  test("a Retry-After holds back all of that host", async () => {
    let clock = 1_000;
    const waits: number[] = [];
    await using origin = await flaky({ status: 429, retryAfter: "2" });
    await using wire = undiciTransport({ name: origin.host });
    const sleep = (milliseconds: number): Promise<void> => {
      waits.push(milliseconds);
      clock += milliseconds;
      return Promise.resolve();
    };
    const send = compose(wire, budget({ now: () => clock, sleep }));
    const one = async (method: "GET" | "POST"): Promise<void> =>
      (await send({ method, url: origin.url, repeat: "never" })).discard();
    await one("POST");
    await one("GET");
    expect(waits).toEqual([2_000]);
  });

  test("an upload that reads from the same host does not wait for its own place", async () => {
    await using origin = await startOrigin(
      (request, response) => void request.resume().on("end", () => response.end("content")),
    );
    await using wire = undiciTransport({ name: origin.host });
    const send = compose(wire, budget({ concurrency: 1 }));
    const body = {
      size: undefined,
      async *open() {
        yield* (await send({ method: "GET", url: origin.url, repeat: "safe" })).body;
      },
    };
    expect((await send({ method: "PUT", url: origin.url, body, repeat: "never" })).status).toBe(200);
  });

  test("who gives up while waiting leaves the line", async () => {
    await using origin = await startOrigin((_, response) => void setTimeout(() => response.end(), 50));
    await using wire = undiciTransport({ name: origin.host });
    const send = compose(wire, budget({ concurrency: 1 }));
    const controller = new AbortController();
    const get = (signal?: AbortSignal): Promise<unknown> =>
      send({ method: "GET", url: origin.url, repeat: "safe", signal }).then((response) => response.discard());
    const first = get();
    const second = get(controller.signal);
    const third = get();
    controller.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    await Promise.all([first, third]);
    expect(origin.seen).toHaveLength(2);
  });
});
