// A registry's address that counts what passes through it. Plain JavaScript, because the benchmarks use it too.
import { createServer, request as forward } from "node:http";

/**
 * Starts a plain HTTP proxy before one registry. The Host header goes through unchanged, so that the upload Locations
 * and page links that the registry answers lead back to the proxy: nothing escapes the count.
 */
export async function startCountingProxy(target) {
  const [hostname, port] = target.split(":");
  let requests = [];
  let bytes = { up: 0, down: 0 };
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/", headers } = incoming;
    const list = requests;
    const place = list.push(`${method} ${url}`) - 1;
    const onward = forward({ hostname, port, method, path: url, headers }, (answer) => {
      list[place] = `${method} ${url} ${answer.statusCode}`;
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.on("data", (chunk) => (bytes.down += chunk.length));
      answer.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.on("data", (chunk) => (bytes.up += chunk.length));
    incoming.on("error", () => onward.destroy());
    outgoing.on("close", () => {
      if (!outgoing.writableFinished) onward.destroy();
    });
    incoming.pipe(onward);
  });
  server.requestTimeout = 0;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${server.address().port}`,
    get requests() {
      return requests;
    },
    get bytes() {
      return bytes;
    },
    reset() {
      requests = [];
      bytes = { up: 0, down: 0 };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
