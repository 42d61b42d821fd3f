import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { MEDIA_TYPES } from "../../../spec/index.js";
import { type Body, bytesBody, digestOf } from "../../../streams/index.js";
import { type Script, scripted, type Scripted } from "../scripted-registry.js";

const MIB = 1024 * 1024;
const BYTES = randomBytes(6 * MIB);
const BLOB = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(BYTES), size: BYTES.byteLength };

const SMALL_BYTES = BYTES.subarray(0, MIB);
const SMALL = { ...BLOB, digest: digestOf(SMALL_BYTES), size: MIB };

/** What a test does to the hits of a method, instead of or after the registry's own work. */
interface Faults {
  /** Answers in place of the registry. True: it did. */
  readonly before?: (exchange: Parameters<Script>[0] & { hit: number }) => Promise<boolean> | boolean;
  /** The work is done, the answer gets lost. */
  readonly loseAnswer?: (method: string, hit: number) => boolean;
  /** Breaks the connection when so many bytes of the body have been taken. */
  readonly breakAfter?: (method: string, hit: number) => number | undefined;
  readonly headers?: Record<string, string>;
}

/** A registry's uploads, kept in memory, with faults. */
function uploads(faults: Faults = {}) {
  const sessions = new Map<string, Buffer>();
  const blobs = new Map<string, Buffer>();
  const hits = new Map<string, number>();
  const state = { received: 0, cancelled: 0, blobs, sessions };
  let next = 0;
  const script: Script = async (exchange) => {
    const { method, path, response, answer, request } = exchange;
    const hit = (hits.get(method) ?? 0) + 1;
    hits.set(method, hit);
    if ((await faults.before?.({ ...exchange, hit })) === true) return;
    const limit = faults.breakAfter?.(method, hit);
    const url = new URL(path, "http://x");
    const id = url.pathname.split("/").at(-1)!;
    const lost = faults.loseAnswer?.(method, hit) === true;
    const reply: typeof answer = (...parts) => (lost ? response.destroy() : answer(...parts));
    const range = (session: Buffer) => ({
      location: `/v2/app/blobs/uploads/${id}?state=a%2Fb`,
      range: `0-${Math.max(0, session.byteLength - 1)}`,
    });
    if (method === "HEAD") return reply(blobs.has(id) ? 200 : 404, { "content-length": "0" });
    if (method === "POST") {
      sessions.set(`s${++next}`, Buffer.alloc(0));
      return reply(202, { location: `/v2/app/blobs/uploads/s${next}?state=a%2Fb`, ...faults.headers });
    }
    const session = sessions.get(id);
    if (session === undefined) return reply(404, JSON_TYPE, failure("BLOB_UPLOAD_UNKNOWN"));
    expect(url.searchParams.get("state")).toBe("a/b");
    if (method === "GET") return reply(204, range(session));
    if (method === "DELETE") {
      state.cancelled += 1;
      sessions.delete(id);
      return reply(204);
    }
    const from = /^(\d+)-/.exec(request.headers["content-range"] ?? "")?.[1];
    if (from !== undefined && Number(from) !== session.byteLength) return reply(416, range(session));
    let taken = session;
    for await (const chunk of request) {
      taken = Buffer.concat([taken, chunk as Buffer]);
      state.received += (chunk as Buffer).byteLength;
      sessions.set(id, taken);
      if (limit !== undefined && taken.byteLength - session.byteLength >= limit) return void response.destroy();
    }
    if (method === "PATCH") return reply(202, range(taken));
    const digest = url.searchParams.get("digest")!;
    if (digestOf(taken) !== digest) return reply(400, JSON_TYPE, failure("DIGEST_INVALID"));
    blobs.set(digest, taken);
    sessions.delete(id);
    return reply(201, { location: `/v2/app/blobs/${digest}` });
  };
  return { script, state };
}

const JSON_TYPE = { "content-type": "application/json" };
const failure = (code: string) => JSON.stringify({ errors: [{ code, message: "no" }] });
const methods = (server: Scripted) => server.log.map((line) => line.split(" ")[0]).join(" ");

async function run(faults: Faults, body: Body = bytesBody(BYTES), blob: Parameters<typeof put>[1] = BLOB) {
  const { script, state } = uploads(faults);
  await using server = await scripted(script);
  let counted = 0;
  let outcome: unknown;
  try {
    outcome = await put(server, blob, body, (n) => (counted += n));
  } catch (error) {
    outcome = error;
  }
  return { outcome, state, counted, methods: methods(server) };
}

const put = (
  server: Scripted,
  blob: typeof BLOB | { mediaType: string },
  body: Body,
  onBytes: (count: number) => void,
) => server.host.repository("app").writer.putBlob(blob, body, { present: "no", onBytes });

describe("an upload", () => {
  test("is two requests where nothing fails, and counts its bytes", async () => {
    const { outcome, counted, methods } = await run({});
    expect(outcome).toEqual({ how: "uploaded", bytes: BYTES.byteLength, descriptor: BLOB });
    expect(methods).toBe("POST PUT");
    expect(counted).toBe(BYTES.byteLength);
    const small = await run({}, bytesBody(SMALL_BYTES), SMALL);
    expect(small).toMatchObject({ outcome: { how: "uploaded" }, methods: "POST PUT", counted: SMALL.size });
  });

  test("goes on at the byte that the registry has (P03, P04)", async () => {
    const { outcome, state, counted } = await run({
      breakAfter: (method, hit) =>
        (method === "PUT" && hit === 1) || (method === "PATCH" && hit <= 2) ? MIB : undefined,
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
    expect(state.received / BYTES.byteLength).toBeLessThanOrEqual(1.05);
    expect(counted).toBe(BYTES.byteLength);
    expect(state.sessions.size).toBe(0);
  });

  test("arrives by a mebibyte each time, however often it breaks (P05)", async () => {
    const { outcome, state } = await run({
      breakAfter: (method) => (method === "PUT" || method === "PATCH" ? MIB / 2 : undefined),
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(state.received).toBe(BYTES.byteLength);
  });

  test("stops when attempts bring nothing, and cancels its session", async () => {
    const { outcome, state } = await run({
      before: ({ method, response }) => (method === "PUT" ? (response.destroy(), true) : false),
    });
    expect(outcome).toMatchObject({ code: "CONNECTION_FAILED" });
    expect(state.blobs.size).toBe(0);
    expect(state.sessions.size).toBe(0);
  });

  test("whose last answer was lost is done: one HEAD, nothing sent again (P07)", async () => {
    const { outcome, state, methods } = await run({ loseAnswer: (method, hit) => method === "PUT" && hit === 1 });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(methods).toMatch(/^POST PUT HEAD$/);
    expect(state.received).toBe(BYTES.byteLength);
  });

  test("whose answer was lost in the middle sends nothing again (P06)", async () => {
    const { outcome, state, methods } = await run({
      breakAfter: (method, hit) => (method === "PUT" && hit === 1 ? MIB : undefined),
      loseAnswer: (method, hit) => method === "PATCH" && hit === 1,
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(state.received).toBe(BYTES.byteLength);
    expect(methods).toMatch(/^POST PUT (?:HEAD )?GET PATCH GET PUT$/);
  });

  test("of a small blob survives a broken PUT that the registry threw away", async () => {
    const { outcome, counted } = await run(
      {
        before: ({ method, hit, response }) => method === "PUT" && hit <= 2 && (response.destroy(), true),
      },
      bytesBody(SMALL_BYTES),
      SMALL,
    );
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(counted).toBe(SMALL.size);
  });

  test("survives a 503 before its body was read, and one after (P13, P14)", async () => {
    const before = await run({
      before: ({ method, hit, answer }) =>
        method === "PUT" && hit === 1 && (answer(503, {}, "<html>busy</html>"), true),
    });
    expect(before.outcome).toMatchObject({ how: "uploaded" });
    const after = await run({
      before: async ({ method, hit, read, answer }) => {
        if (method !== "PUT" || hit !== 1) return false;
        await read();
        answer(503);
        return true;
      },
    });
    expect(after.outcome).toMatchObject({ how: "uploaded" });
    expect(after.state.sessions.size).toBe(0);
  });

  test("opens a new session, for this blob, when the registry lost one (P21)", async () => {
    const { outcome, methods } = await run({
      before: ({ method, hit, answer }) =>
        method === "PUT" && hit === 1 && (answer(404, JSON_TYPE, failure("BLOB_UPLOAD_UNKNOWN")), true),
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(methods).toMatch(/^POST PUT (?:HEAD )?POST PUT$/);
  });

  test("reads where it stands from a 416 and seeks there (P23)", async () => {
    const { outcome, state } = await run({
      breakAfter: (method, hit) => (method === "PUT" && hit === 1 ? MIB : undefined),
      before: async ({ method, hit, read, answer }) => {
        if (method !== "PATCH" || hit !== 1) return false;
        await read();
        answer(416, { range: "0-0" });
        return true;
      },
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
  });

  test.each([
    [413, "", "REGISTRY_REFUSED"],
    [403, failure("DENIED"), "DENIED"],
    [400, failure("SIZE_INVALID"), "REGISTRY_REFUSED"],
  ])("ends at once at a %i, sends nothing again and cancels (P32, P33)", async (status, body, code) => {
    const { outcome, state, methods } = await run({
      before: async ({ method, read, answer }) => {
        if (method !== "PUT") return false;
        await read();
        answer(status, body === "" ? {} : JSON_TYPE, body);
        return true;
      },
    });
    expect(outcome).toMatchObject({ code, registry: { status } });
    expect(methods).toBe("POST PUT DELETE");
    expect(state.cancelled).toBe(1);
  });

  test("of a refused POST is one request", async () => {
    const { outcome, methods } = await run({
      before: ({ method, answer }) => method === "POST" && (answer(403, JSON_TYPE, failure("DENIED")), true),
    });
    expect(outcome).toMatchObject({ code: "DENIED" });
    expect(methods).toBe("POST");
  });

  test("goes in one piece where the registry cannot continue", async () => {
    const { outcome, state } = await run({
      breakAfter: (method, hit) => (method === "PUT" && hit === 1 ? MIB : undefined),
      before: async ({ method, read, answer }) => {
        if (method !== "PATCH") return false;
        await read();
        answer(400, JSON_TYPE, failure("UNSUPPORTED"));
        return true;
      },
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
  });

  test("is cut into chunks where the registry limits them, none under its least", async () => {
    const { outcome, methods } = await run({
      headers: { "oci-chunk-min-length": String(MIB), "oci-chunk-max-length": String(2 * MIB) },
    });
    expect(outcome).toMatchObject({ how: "uploaded" });
    expect(methods).toBe("POST PATCH PATCH PATCH PUT");
  });

  test("never commits a source that is not what it was promised to be", async () => {
    const wrong: readonly Body[] = [
      bytesBody(Buffer.concat([BYTES.subarray(0, -1), Buffer.from([BYTES.at(-1)! ^ 1])])),
      bytesBody(BYTES.subarray(0, -1)),
      { size: BYTES.byteLength, open: (options) => bytesBody(Buffer.concat([BYTES, Buffer.from("x")])).open(options) },
    ];
    for (const body of wrong) {
      const { outcome, state } = await run({}, body);
      expect(outcome).toMatchObject({ code: expect.stringMatching(/^(?:DIGEST|SIZE)_MISMATCH$/), side: "source" });
      expect(state.blobs.size).toBe(0);
    }
  });

  test("gives its source's own failure, and does not ask it again", async () => {
    let opened = 0;
    const body: Body = {
      size: BYTES.byteLength,
      async *open() {
        opened += 1;
        yield BYTES.subarray(0, MIB);
        throw Object.assign(new Error("the disk is gone"), { code: "EIO" });
      },
    };
    const { outcome, state } = await run({}, body);
    expect(outcome).toMatchObject({ message: "the disk is gone" });
    expect(opened).toBe(1);
    expect(state.sessions.size).toBe(0);
  });

  test("of a stream goes on after a break, though nobody knows its digest yet", async () => {
    const body: Body = { size: undefined, open: (options) => bytesBody(BYTES).open(options) };
    const { outcome, state } = await run(
      { breakAfter: (method, hit) => (method === "PATCH" && hit === 1 ? MIB : undefined) },
      body,
      { mediaType: BLOB.mediaType },
    );
    expect(outcome).toMatchObject({ how: "uploaded", descriptor: BLOB });
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
  });

  test("ends when it is aborted, and tells the registry", async () => {
    const controller = new AbortController();
    const { script, state } = uploads({
      before: ({ method }) => method === "PUT" && (controller.abort(new Error("enough")), false),
    });
    await using server = await scripted(script);
    const { writer } = server.host.repository("app");
    await expect(writer.putBlob(BLOB, bytesBody(BYTES), { present: "no", signal: controller.signal })).rejects.toThrow(
      "enough",
    );
    expect(state.cancelled).toBe(1);
  });
});

describe("a mount", () => {
  const from = (server: Scripted) => ["a", "b", "c"].map((repository) => ({ host: server.host.name, repository }));

  test("is one request", async () => {
    await using server = await scripted(({ answer }) => answer(201, { location: "/v2/app/blobs/x" }));
    const { writer } = server.host.repository("app");
    const placement = await writer.putBlob(SMALL, bytesBody(SMALL_BYTES), { present: "no", mountFrom: from(server) });
    expect(placement).toMatchObject({ how: "mounted", bytes: 0 });
    expect(server.log).toEqual([`POST /v2/app/blobs/uploads/?mount=${encodeURIComponent(SMALL.digest)}&from=a`]);
  });

  test("that is refused is asked at most twice and ends in one upload, with no session left over", async () => {
    const { script, state } = uploads();
    await using server = await scripted(script);
    const { writer } = server.host.repository("app");
    const placement = await writer.putBlob(SMALL, bytesBody(SMALL_BYTES), { present: "no", mountFrom: from(server) });
    expect(placement).toMatchObject({ how: "uploaded" });
    expect(methods(server)).toBe("POST POST DELETE PUT");
    expect(state.sessions.size).toBe(0);
  });

  test("from where we may not read falls back to a plain upload", async () => {
    const { script } = uploads({
      before: ({ path, answer }) => path.includes("mount=") && (answer(403, JSON_TYPE, failure("DENIED")), true),
    });
    await using server = await scripted(script);
    const { writer } = server.host.repository("app");
    const mountFrom = from(server).slice(0, 1);
    const placement = await writer.putBlob(SMALL, bytesBody(SMALL_BYTES), { present: "no", mountFrom });
    expect(placement).toMatchObject({ how: "uploaded" });
    expect(methods(server)).toBe("POST POST PUT");
  });
});
