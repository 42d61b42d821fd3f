import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readAll } from "../streams/index.js";
import { undiciTransport } from "./undici-transport.js";

const BODY = Buffer.alloc(1024 * 1024, "x");

/** Serves one answer a connection, by hand, and gives what a reader gets that begins late and reads slowly. */
async function lateReader(answer: (socket: Socket) => void): Promise<number | string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await using transport = undiciTransport({ name: `127.0.0.1:${port}` });
    const response = await transport({ method: "GET", url: new URL(`http://127.0.0.1:${port}/`), repeat: "safe" });
    await sleep(200);
    const slowly = async function* () {
      for await (const chunk of response.body) {
        await sleep(2);
        yield chunk;
      }
    };
    return (await readAll(slowly(), 10 * BODY.byteLength)).byteLength;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    server.close();
  }
}

// What undici 7 does wrong here ends the process: an error that no test can catch fails the run as a whole.
describe("a reader that is slower than a server that closes", () => {
  test("gets all of a body with a length", async () => {
    const head = `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${BODY.byteLength}\r\n\r\n`;
    expect(await lateReader((socket) => (socket.write(head), socket.end(BODY)))).toBe(BODY.byteLength);
  });

  test("gets all of a body that ends with the connection", async () => {
    const head = "HTTP/1.0 200 OK\r\n\r\n";
    expect(await lateReader((socket) => (socket.write(head), socket.end(BODY)))).toBe(BODY.byteLength);
  });

  test.each([16, 40, 64, 100, 128])("gets all of %i KiB, however the pieces fall", async (kib) => {
    const part = BODY.subarray(0, kib * 1024);
    expect(await lateReader((socket) => (socket.write("HTTP/1.0 200 OK\r\n\r\n"), socket.end(part)))).toBe(kib * 1024);
  });

  test("is told of a body that breaks off", async () => {
    const head = `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${BODY.byteLength + 5}\r\n\r\n`;
    expect(await lateReader((socket) => (socket.write(head), socket.end(BODY)))).toBe("CONNECTION_FAILED");
  });

  test("is told of a reset", async () => {
    const head = `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${BODY.byteLength}\r\n\r\n`;
    const answer = (socket: Socket): void => {
      socket.write(head);
      socket.write(BODY.subarray(0, 200_000));
      setTimeout(() => socket.resetAndDestroy(), 50);
    };
    expect(await lateReader(answer)).toBe("CONNECTION_FAILED");
  });
});
