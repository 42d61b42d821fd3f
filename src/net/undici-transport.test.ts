import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Body, bytesBody } from "../streams/index.js";
import { startOrigin, textOf } from "./test-origin.js";
import type { HttpRequest } from "./transport.js";
import { undiciTransport } from "./undici-transport.js";

const get = (url: URL | string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url: new URL(url),
  repeat: "safe",
  ...more,
});

const MiB = 1024 * 1024;

/** A body of so many bytes, of which nobody says how many they are. */
const streamed = (size: number, known = false): Body => ({
  size: known ? size : undefined,
  async *open() {
    for (let at = 0; at < size; at += MiB) yield new Uint8Array(Math.min(MiB, size - at));
  },
});

const brief = { connect: 2_000, headers: 300, stall: 300, slow: { bytes: 1024, ms: 400 } };

/** A server below HTTP: what it does to a connection is up to the test. */
async function rawServer(
  onSocket: (socket: Socket, nth: number) => void,
): Promise<{ url: URL; close(): Promise<void> }> {
  let nth = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    nth += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    onSocket(socket, nth);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

describe("sending", () => {
  test("asks for identity, names itself, and hands over status, headers and body", async () => {
    await using origin = await startOrigin((_, response) =>
      response.writeHead(200, { "X-Twice": ["a", "b"] }).end("hello"),
    );
    await using transport = undiciTransport({ name: origin.host, userAgent: "gantry/1.2" });
    const response = await transport(get(origin.url));
    expect(response.status).toBe(200);
    expect(response.headers["x-twice"]).toBe("a, b");
    expect(await textOf(response)).toBe("hello");
    expect(origin.seen[0]!.headers).toMatchObject({ "accept-encoding": "identity", "user-agent": "gantry/1.2" });
  });

  test("a known size is sent as Content-Length, an unknown one in chunks, none as 0", async () => {
    let length = 0;
    await using origin = await startOrigin((request, response) => {
      length = 0;
      request.on("data", (chunk: Buffer) => (length += chunk.byteLength)).on("end", () => response.end());
    });
    await using transport = undiciTransport({ name: origin.host });
    let sent = 0;
    const put = async (body?: Body): Promise<void> => {
      sent = 0;
      const more = body === undefined ? {} : { body };
      await (
        await transport(get(origin.url, { method: "PUT", ...more, onSent: (count) => (sent += count) }))
      ).discard();
    };
    await put(streamed(3 * MiB + 7, true));
    expect(origin.seen.at(-1)!.headers["content-length"]).toBe(String(3 * MiB + 7));
    expect([length, sent]).toEqual([3 * MiB + 7, 3 * MiB + 7]);
    await put(streamed(2 * MiB));
    expect(origin.seen.at(-1)!.headers["transfer-encoding"]).toBe("chunked");
    expect([length, sent]).toEqual([2 * MiB, 2 * MiB]);
    await put(bytesBody(new Uint8Array()));
    expect(origin.seen.at(-1)!.headers["content-length"]).toBe("0");
    await put();
    expect(origin.seen.at(-1)!.headers["content-length"]).toBe("0");
  });

  test("does not follow a redirect", async () => {
    await using origin = await startOrigin((_, response) => response.writeHead(307, { location: "/elsewhere" }).end());
    await using transport = undiciTransport({ name: origin.host });
    const response = await transport(get(origin.url));
    expect(response.status).toBe(307);
    await response.discard();
    expect(origin.seen).toHaveLength(1);
  });

  test("refuses an answer that is encoded, whatever was asked", async () => {
    await using origin = await startOrigin((_, response) =>
      response.writeHead(200, { "content-encoding": "gzip" }).end("x"),
    );
    await using transport = undiciTransport({ name: origin.host });
    await expect(transport(get(origin.url))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test("an error of the source is thrown as it is", async () => {
    await using origin = await startOrigin((request) => request.resume());
    await using transport = undiciTransport({ name: origin.host });
    const broken = new Error("the disk is gone");
    const body: Body = {
      size: 2 * MiB,
      async *open() {
        yield new Uint8Array(MiB);
        throw broken;
      },
    };
    await expect(transport(get(origin.url, { method: "PUT", body, repeat: "never" }))).rejects.toBe(broken);
  });

  test("a source that gives less than it said is SOURCE_CHANGED", async () => {
    await using origin = await startOrigin((request) => request.resume());
    await using transport = undiciTransport({ name: origin.host });
    const body: Body = { size: 2 * MiB, open: () => streamed(MiB).open() };
    await expect(transport(get(origin.url, { method: "PUT", body }))).rejects.toMatchObject({ code: "SOURCE_CHANGED" });
  });

  test.each([413, 503])("an early %i wins over the upload that it interrupts", async (status) => {
    // Answers before the body is read, and closes the door, as a proxy does.
    await using origin = await startOrigin((request, response) => {
      response.writeHead(status, { connection: "close" }).end("no", () => request.socket.destroySoon());
    });
    await using transport = undiciTransport({ name: origin.host });
    for (let round = 0; round < 10; round += 1) {
      const response = await transport(
        get(origin.url, { method: "PATCH", body: streamed(32 * MiB, true), repeat: "never" }),
      );
      expect(response.status).toBe(status);
      await response.discard();
    }
  });

  test("an early answer is enough where the server keeps the connection and reads nothing", async () => {
    await using origin = await startOrigin((_, response) => response.writeHead(413).end("too large"));
    await using transport = undiciTransport({ name: origin.host });
    const response = await transport(get(origin.url, { method: "PATCH", body: streamed(64 * MiB), repeat: "never" }));
    expect(response.status).toBe(413);
    expect(await textOf(response)).toBe("too large");
  });
});

describe("waiting", () => {
  test("no headers: TIMEOUT", async () => {
    await using origin = await startOrigin(() => {});
    await using transport = undiciTransport({ name: origin.host, timeouts: brief });
    await expect(transport(get(origin.url))).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("answerWithin is this request's own patience", async () => {
    await using origin = await startOrigin((_, response) => void setTimeout(() => response.end("late"), 700));
    await using transport = undiciTransport({ name: origin.host, timeouts: brief });
    expect(await textOf(await transport(get(origin.url, { answerWithin: 30_000 })))).toBe("late");
  });

  test("a body that stops, and one that trickles: STALLED", async () => {
    await using origin = await startOrigin((request, response) => {
      response.writeHead(200, { "content-length": 1000 }).write("some");
      if (request.url === "/drip") {
        const timer = setInterval(() => response.write("x"), 50);
        request.socket.on("close", () => clearInterval(timer));
      }
    });
    await using transport = undiciTransport({ name: origin.host, timeouts: brief });
    const stopped = await transport(get(origin.url));
    await expect(textOf(stopped)).rejects.toMatchObject({ code: "STALLED" });
    const dripping = await transport(get(new URL("/drip", origin.url)));
    await expect(textOf(dripping)).rejects.toMatchObject({
      code: "STALLED",
      message: expect.stringContaining("bytes a second"),
    });
  });

  test("a server that takes no more bytes: STALLED", async () => {
    const server = await rawServer((socket) => socket.pause());
    await using transport = undiciTransport({ name: server.url.host, timeouts: brief });
    await expect(
      transport(get(server.url, { method: "PUT", body: streamed(256 * MiB, true), repeat: "never" })),
    ).rejects.toMatchObject({
      code: "STALLED",
    });
    await server.close();
  });

  test("a slow source and a slow reader are no stall", async () => {
    await using origin = await startOrigin((request, response) => {
      request.resume().on("end", () => response.end(Buffer.alloc(4 * MiB)));
    });
    await using transport = undiciTransport({ name: origin.host, timeouts: brief });
    const body: Body = {
      size: undefined,
      async *open() {
        yield new Uint8Array(1);
        await wait(800);
        yield new Uint8Array(1);
      },
    };
    const response = await transport(get(origin.url, { method: "PUT", body }));
    let read = 0;
    for await (const chunk of response.body) {
      if (read === 0) await wait(800);
      read += chunk.byteLength;
    }
    expect(read).toBe(4 * MiB);
  });

  test("an abort is answered at once, with its reason: before the headers, in the body, while sending", async () => {
    await using origin = await startOrigin((request, response) => {
      if (request.url === "/body") response.writeHead(200).write("x");
    });
    await using transport = undiciTransport({ name: origin.host });
    const reason = new Error("enough");
    const first = new AbortController();
    setTimeout(() => first.abort(reason), 50);
    await expect(transport(get(origin.url, { signal: first.signal }))).rejects.toBe(reason);
    const second = new AbortController();
    const response = await transport(get(new URL("/body", origin.url), { signal: second.signal }));
    setTimeout(() => second.abort(reason), 50);
    await expect(textOf(response)).rejects.toBe(reason);
    const third = new AbortController();
    setTimeout(() => third.abort(reason), 50);
    const endless: Body = {
      size: undefined,
      async *open({ signal } = {}) {
        for (;;) {
          signal?.throwIfAborted();
          yield new Uint8Array(1024);
          await wait(5);
        }
      },
    };
    await expect(transport(get(origin.url, { method: "PUT", body: endless, signal: third.signal }))).rejects.toBe(
      reason,
    );
    await expect(transport(get(origin.url, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  });

  test("an abort while nobody reads the body does not end the process", async () => {
    await using origin = await startOrigin((_, response) => void response.writeHead(200).write("x"));
    await using transport = undiciTransport({ name: origin.host });
    const controller = new AbortController();
    const response = await transport(get(origin.url, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    await wait(50);
    await expect(textOf(response)).rejects.toThrow("enough");
  });
});

describe("broken connections", () => {
  test("refused and unknown hosts", async () => {
    const server = await rawServer(() => {});
    await server.close();
    await using transport = undiciTransport({ name: server.url.host });
    await expect(transport(get(server.url))).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      facts: { cause: "ECONNREFUSED" },
    });
    await expect(transport(get("http://no-such-host.invalid/"))).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  });

  test("a connection that was closed while idle is opened again, silently", async () => {
    let served = 0;
    const server = await rawServer((socket) => {
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        // The second request on a connection meets a server that has just gone.
        if (requests > 1) return socket.resetAndDestroy();
        served += 1;
        return socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    await using transport = undiciTransport({ name: server.url.host });
    for (let round = 0; round < 4; round += 1) expect(await textOf(await transport(get(server.url)))).toBe("ok");
    expect(served).toBe(4);
    await server.close();
  });

  test("a PATCH is never sent a second time: it may have been taken", async () => {
    let patches = 0;
    const server = await rawServer((socket) => {
      socket.on("data", (data) => {
        if (!data.toString().startsWith("PATCH"))
          return void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        patches += 1;
        return void socket.resetAndDestroy();
      });
    });
    await using transport = undiciTransport({ name: server.url.host });
    for (let round = 0; round < 5; round += 1) {
      await (await transport(get(server.url))).discard();
      const patch = get(server.url, { method: "PATCH", body: bytesBody(new Uint8Array(10)), repeat: "never" });
      await expect(transport(patch)).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    }
    expect(patches).toBe(5);
    await server.close();
  });

  test("a fresh connection that breaks is an error", async () => {
    let connections = 0;
    const server = await rawServer((socket) => {
      connections += 1;
      socket.once("data", () => socket.resetAndDestroy());
    });
    await using transport = undiciTransport({ name: server.url.host });
    await expect(transport(get(server.url))).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      facts: { cause: "ECONNRESET" },
    });
    expect(connections).toBe(1);
    await server.close();
  });

  test("a body that ends early is an error; one of HTTP/1.0 without a length ends where it ends", async () => {
    const server = await rawServer((socket) => {
      socket.once("data", (request) => {
        const old = request.toString().startsWith("GET /old");
        socket.end(old ? "HTTP/1.0 200 OK\r\n\r\nall" : "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
      });
    });
    await using transport = undiciTransport({ name: server.url.host });
    await expect(textOf(await transport(get(server.url)))).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    expect(await textOf(await transport(get(new URL("/old", server.url))))).toBe("all");
    await server.close();
  });

  test("what is not HTTP, and a megabyte of headers", async () => {
    const server = await rawServer((socket) => {
      socket.once("data", (request) => {
        const large = request.toString().startsWith("GET /large");
        socket.write(
          large ? `HTTP/1.1 401 No\r\nwww-authenticate: ${"x".repeat(MiB)}\r\n\r\n` : "SSH-2.0-OpenSSH_9.2\r\n",
        );
      });
    });
    await using transport = undiciTransport({ name: server.url.host });
    await expect(transport(get(server.url))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    await expect(transport(get(new URL("/large", server.url)))).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
    await server.close();
  });

  test("discard of a large body closes the connection instead of reading it", async () => {
    await using origin = await startOrigin((_, response) => response.end(Buffer.alloc(64 * MiB)));
    await using transport = undiciTransport({ name: origin.host });
    await (await transport(get(origin.url))).discard();
    await (await transport(get(origin.url))).discard();
    expect(origin.connections()).toBeGreaterThan(1);
  });
});
