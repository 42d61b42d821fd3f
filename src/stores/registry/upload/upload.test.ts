import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MEDIA_TYPES } from "../../../spec/index.js";
import { type Body, bytesBody, digestOf } from "../../../streams/index.js";
import { type Script, scripted, type Scripted } from "../scripted-registry.js";
import { UploadJournal } from "../upload-journal.js";

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

describe("an upload by traits", () => {
  const tell = (headers: Record<string, string>): NonNullable<Faults["before"]> => {
    // The HEAD that comes before a push is where the registry says who it is.
    return ({ method, answer }) => method === "HEAD" && (answer(404, headers), true);
  };
  const push = async (server: Scripted, bytes: Uint8Array, mediaType = BLOB.mediaType) =>
    server.host
      .repository("app")
      .writer.putBlob({ mediaType, digest: digestOf(bytes), size: bytes.byteLength }, bytesBody(bytes));

  test("is one POST where the registry is known to take it, and two requests for larger blobs", async () => {
    const { script } = uploads({
      before: async (exchange) => {
        if (tell({ server: "gantry" })({ ...exchange, hit: 1 }) === true) return true;
        if (exchange.method !== "POST" || !exchange.path.includes("digest=")) return false;
        expect(digestOf(await exchange.read())).toBe(SMALL.digest);
        exchange.answer(201, { location: `/v2/app/blobs/${SMALL.digest}` });
        return true;
      },
    });
    await using server = await scripted(script);
    expect(await push(server, SMALL_BYTES)).toMatchObject({ how: "uploaded", bytes: SMALL.size });
    expect(methods(server)).toBe("HEAD POST");
    await push(server, BYTES);
    expect(methods(server)).toBe("HEAD POST HEAD POST PUT");
  });

  test("goes on in the session that a POST with the blob opened, and does not try that again", async () => {
    const { script, state } = uploads({ before: tell({ server: "gantry/1" }) });
    await using server = await scripted(script);
    await push(server, SMALL_BYTES);
    await push(server, BYTES.subarray(MIB, 2 * MIB));
    expect(methods(server)).toBe("HEAD POST PUT HEAD POST PUT");
    expect(server.log.filter((line) => line.startsWith("POST") && line.includes("digest="))).toHaveLength(1);
    expect(state.blobs.size).toBe(2);
    expect(state.sessions.size).toBe(0);
  });

  test("whose POST with the blob breaks takes the usual way", async () => {
    const { script, state } = uploads({
      before: (exchange) =>
        tell({ server: "gantry" })(exchange) === true ||
        (exchange.path.includes("uploads/?digest=") && (exchange.response.destroy(), true)),
    });
    await using server = await scripted(script);
    expect(await push(server, SMALL_BYTES)).toMatchObject({ how: "uploaded" });
    expect(state.blobs.get(SMALL.digest)?.equals(SMALL_BYTES)).toBe(true);
  });

  test("is cut smaller after a 413 for a body that is large, which is then remembered", async () => {
    const large = Buffer.alloc(18 * MIB, "gantry");
    let refused = 0;
    const { script, state } = uploads({
      before: ({ request, answer }) => {
        if (Number(request.headers["content-length"] ?? 0) <= 17 * MIB) return false;
        refused += 1;
        answer(413, { "content-type": "text/html", connection: "close" }, "<html>too large</html>");
        return true;
      },
    });
    await using server = await scripted(script);
    await push(server, large);
    await push(server, Buffer.concat([large, Buffer.from("x")]));
    expect(refused).toBe(1);
    expect(state.blobs.size).toBe(2);
    expect(state.sessions.size).toBe(0);
    expect(server.host.traits.chunkMax).toBe(16 * MIB);
  });

  test("counts what was taken where the Range that answers a PATCH stays behind", async () => {
    const { script, state } = uploads({
      headers: { "oci-chunk-max-length": String(2 * MIB) },
      before: ({ answer, method, response }) => {
        const whole = response.writeHead.bind(response);
        if (method === "PATCH") {
          response.writeHead = ((status: number, given: Record<string, string>) =>
            whole(status, { ...given, range: "0-1" })) as typeof response.writeHead;
        }
        return answer === undefined;
      },
    });
    await using server = await scripted(script);
    // The registry is asked, and knows better.
    expect(await push(server, BYTES)).toMatchObject({ how: "uploaded", bytes: BLOB.size });
    expect(state.received).toBe(BLOB.size);
  });
});

describe("an upload that is noted", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "gantry-noted-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Pushes as far as `limit`, and leaves as a killed process does: with a session, and an entry without an owner. */
  async function interrupted(server: Scripted, sessions: Map<string, Buffer>, limit: number): Promise<void> {
    const session = await fetch(`http://${server.address}/v2/app/blobs/uploads/`, { method: "POST" });
    const location = new URL(session.headers.get("location")!, `http://${server.address}`);
    sessions.set(location.pathname.split("/").at(-1)!, Buffer.from(BYTES.subarray(0, limit)));
    const journal = new UploadJournal(folder);
    const { entry } = await journal.open({ origin: location.origin, repository: "app", digest: BLOB.digest });
    await entry.record({ location, acknowledged: 0 });
    await entry.leave();
    server.log.length = 0;
  }

  async function next(faults: Faults = {}, limit = 5 * MIB) {
    const { script, state } = uploads(faults);
    await using server = await scripted(script, { journal: new UploadJournal(folder) });
    await interrupted(server, state.sessions, limit);
    let counted = 0;
    const outcome = await put(server, BLOB, bytesBody(BYTES), (n) => (counted += n)).catch((error: unknown) => error);
    return { outcome, state, counted, methods: methods(server), noted: readdirSync(folder) };
  }

  test("by a run that was killed goes on where that stopped", async () => {
    const { outcome, state, counted, methods, noted } = await next();
    expect(outcome).toMatchObject({ how: "uploaded", bytes: MIB });
    expect(methods).toBe("GET GET PATCH PUT");
    expect(state.received).toBe(MIB);
    expect(counted).toBe(BLOB.size);
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
    expect(noted).toEqual([]);
  });

  test("is forgotten when the blob turns out to be there", async () => {
    const { script, state } = uploads();
    await using server = await scripted(script, { journal: new UploadJournal(folder) });
    await interrupted(server, state.sessions, 5 * MIB);
    state.blobs.set(BLOB.digest, BYTES);
    expect(await server.host.repository("app").exists(BLOB)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("begins anew where the registry has forgotten it", async () => {
    const forgotten = await next({
      before: ({ method, answer }) =>
        method === "GET" && (answer(404, JSON_TYPE, failure("BLOB_UPLOAD_INVALID")), true),
    });
    expect(forgotten.outcome).toMatchObject({ how: "uploaded", bytes: BLOB.size });
    expect(forgotten.noted).toEqual([]);
    const empty = await next({}, 0);
    expect(empty.outcome).toMatchObject({ how: "uploaded", bytes: BLOB.size });
    expect(empty.state.sessions.size).toBe(0);
  });

  test("begins anew where the session holds something else", async () => {
    const { script, state } = uploads();
    await using server = await scripted(script, { journal: new UploadJournal(folder) });
    await interrupted(server, state.sessions, 5 * MIB);
    for (const session of state.sessions.values()) session[7]! ^= 1;
    expect(await put(server, BLOB, bytesBody(BYTES), () => {})).toMatchObject({ how: "uploaded" });
    expect(state.blobs.get(BLOB.digest)?.equals(BYTES)).toBe(true);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("waits until what the dead sender's connection still brings has arrived", async () => {
    let asked = 0;
    const { script, state } = uploads({
      before: ({ method }) => {
        if (method === "GET" && ++asked <= 3) {
          for (const id of state.sessions.keys()) state.sessions.set(id, Buffer.from(BYTES.subarray(0, asked * MIB)));
        }
        return false;
      },
    });
    await using server = await scripted(script, { journal: new UploadJournal(folder) });
    await interrupted(server, state.sessions, 0);
    expect(await put(server, BLOB, bytesBody(BYTES), () => {})).toMatchObject({ how: "uploaded", bytes: 3 * MIB });
    expect(asked).toBe(4);
  });

  test("and refused leaves nothing noted and no session", async () => {
    const { outcome, state, noted } = await next({
      before: ({ method, answer }) => method === "PATCH" && (answer(403, JSON_TYPE, failure("DENIED")), true),
    });
    expect(outcome).toMatchObject({ code: "DENIED" });
    expect(state.sessions.size).toBe(0);
    expect(noted).toEqual([]);
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
