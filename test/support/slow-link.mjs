// A TCP proxy with a limited rate that counts what passes. Plain JavaScript, because the benchmarks use it too.
import { connect, createServer } from "node:net";

const STEP = 16 * 1024;

/** Starts a slow way to `target`, `HOST:PORT`. */
export async function startSlowLink(target, { up, down, downEach }) {
  const [hostname, port] = target.split(":");
  const bytes = { up: 0, down: 0 };
  const sockets = new Set();
  const upward = paced(up);
  const downward = paced(down);
  let mark;
  const server = createServer((client) => {
    const upstream = connect({ host: hostname, port: Number(port), highWaterMark: STEP });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
    }
    void pump(client, upstream, [upward], (count) => {
      bytes.up += count;
      if (mark !== undefined && bytes.up >= mark.at) {
        const { act } = mark;
        mark = undefined;
        act();
      }
    });
    void pump(upstream, client, [downward, paced(downEach)], (count) => (bytes.down += count));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${server.address().port}`,
    bytes,
    afterUp(count, act) {
      mark = { at: bytes.up + count, act };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Answers when a number of bytes may pass: one queue for all that share the rate. */
function paced(rate) {
  if (rate === undefined) return async () => {};
  let free = Date.now();
  return async (count) => {
    free = Math.max(free, Date.now() - 50) + (count / rate) * 1000;
    const wait = free - Date.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
  };
}

async function pump(from, to, rates, passed) {
  try {
    for await (const chunk of from) {
      for (let at = 0; at < chunk.length; at += STEP) {
        const part = chunk.subarray(at, at + STEP);
        for (const pass of rates) await pass(part.length);
        if (to.destroyed) return;
        passed(part.length);
        if (!to.write(part)) await drained(to);
      }
    }
    to.end();
  } catch {
    // Whoever is killed takes the connection with it.
    to.destroy();
  }
}

function drained(socket) {
  return new Promise((resolve) => {
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
