import { expect, test } from "vitest";
import { bytesBody } from "../streams/index.js";
import { countRequests } from "./count.js";
import { redirects } from "./redirects.js";
import { startOrigin, textOf } from "./test-origin.js";
import { trace } from "./trace.js";
import { compose, type HttpRequest } from "./transport.js";
import { undiciTransport } from "./undici-transport.js";

const request = (url: URL, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url,
  repeat: "safe",
  ...more,
});

test("methods and bodies survive 301, 302, 307 and 308; a 303 is a GET", async () => {
  await using origin = await startOrigin((incoming, response) => {
    const status = Number(incoming.url!.slice(1));
    if (status > 0) return void incoming.resume().on("end", () => response.writeHead(status, { location: "/" }).end());
    let length = 0;
    return void incoming
      .on("data", (chunk: Buffer) => (length += chunk.byteLength))
      .on("end", () => response.end(`${incoming.method} ${length}`));
  });
  await using wire = undiciTransport({ name: origin.host });
  const send = compose(wire, redirects(origin.url));
  const put = async (status: number): Promise<string> => {
    const response = await send(
      request(new URL(`/${status}`, origin.url), { method: "PUT", body: bytesBody(new Uint8Array(7)) }),
    );
    expect(response.url.href).toBe(origin.url.href);
    return textOf(response);
  };
  for (const status of [301, 302, 307, 308]) expect(await put(status)).toBe("PUT 7");
  expect(await put(303)).toBe("GET 0");
});

test("a header stays within the origin, and leaves with the first step out of it", async () => {
  await using there = await startOrigin((_, response) => response.end("there"), { address: "127.0.0.2" });
  await using origin = await startOrigin((incoming, response) => {
    const location = incoming.url === "/" ? "/inside" : new URL("/x", there.url).href;
    response.writeHead(307, { location }).end();
  });
  await using wire = undiciTransport({ name: origin.host });
  const send = compose(wire, redirects(origin.url));
  const headers = { Authorization: "Bearer x", cookie: "y", accept: "z" };
  expect(await textOf(await send(request(origin.url, { headers })))).toBe("there");
  expect(origin.seen.map(({ headers }) => headers.authorization)).toEqual(["Bearer x", "Bearer x"]);
  expect(there.seen[0]!.headers).toMatchObject({ accept: "z" });
  expect(there.seen[0]!.headers.authorization ?? there.seen[0]!.headers.cookie).toBeUndefined();
});

test("circles and long chains end, and what is no URL is an error", async () => {
  await using origin = await startOrigin((incoming, response) => {
    const at = Number(incoming.url!.split("/")[2] ?? 0);
    const location = incoming.url!.startsWith("/far")
      ? `/far/${at + 1}`
      : incoming.url === "/bad"
        ? "http://["
        : "/round";
    response.writeHead(302, { location }).end();
  });
  await using wire = undiciTransport({ name: origin.host });
  const counter = { requests: 0 };
  const send = compose(wire, redirects(origin.url), countRequests(counter));
  const at = (path: string): Promise<unknown> => send(request(new URL(path, origin.url)));
  await expect(at("/round")).rejects.toMatchObject({
    code: "REGISTRY_PROTOCOL",
    message: "the redirects go in a circle",
  });
  await expect(at("/bad")).rejects.toMatchObject({ code: "REGISTRY_PROTOCOL" });
  counter.requests = 0;
  await expect(at("/far/0")).rejects.toMatchObject({ message: "more than 10 redirects" });
  expect(counter.requests).toBe(11);
});

test("the trace shows each request as it is sent, and no secret", async () => {
  await using origin = await startOrigin((incoming, response) => {
    if (incoming.url!.startsWith("/signed"))
      return void response.writeHead(200, { "x-request-id": "id\u0085-1" }).end("ok");
    return void response.writeHead(307, { location: "/signed?X-Amz-Signature=S3CRET" }).end();
  });
  const lines: string[] = [];
  await using wire = undiciTransport({ name: origin.host });
  const send = compose(
    wire,
    redirects(origin.url),
    trace((line) => lines.push(line)),
  );
  const url = new URL("/v2/?token=S3CRET", origin.url);
  await textOf(await send(request(url, { headers: { authorization: "Bearer S3CRET" } })));
  expect(lines).toHaveLength(2);
  expect(lines.join("\n")).not.toContain("S3CRET");
  expect(lines[0]).toMatch(
    /^GET http:\S+\/v2\/\?token=\*\*\* \(Bearer \*\*\*\) -> 307 \d+ ms.*location: \/signed\?X-Amz-Signature=\*\*\*/,
  );
  expect(lines[1]).toContain("request id\\x85-1");
});
