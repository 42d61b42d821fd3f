import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GantryError } from "../errors.js";
import type { HostConfig } from "./host.js";
import { startOrigin, temporaryFolder, textOf } from "./test-origin.js";
import { testAuthority } from "../../test/support/certificates.js";
import type { HttpRequest } from "./transport.js";
import { undiciTransport } from "./undici-transport.js";

const get = (url: URL | string): HttpRequest => ({ method: "GET", url: new URL(url), repeat: "safe" });

const authority = await testAuthority();
const good = await authority.issue("127.0.0.1");

describe("TLS", () => {
  const serve = (tls: object): ReturnType<typeof startOrigin> =>
    startOrigin((_, response) => response.end("secure"), { tls });
  const ask = async (url: URL, host: Partial<HostConfig>): Promise<string> => {
    await using transport = undiciTransport({ name: url.host, ...host });
    return textOf(await transport(get(url)));
  };

  test("an authority that is not known, then one that is", async () => {
    await using origin = await serve(good);
    await expect(ask(origin.url, {})).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
      message: expect.stringContaining("authority is not trusted"),
      hint: expect.stringContaining("--cert-dir"),
    });
    expect(await ask(origin.url, { ca: [authority.ca] })).toBe("secure");
    expect(await ask(origin.url, { tls: "skip" })).toBe("secure");
  });

  test("another host's certificate, an expired one, plain HTTP where TLS was expected", async () => {
    await using wrong = await serve(await authority.issue("registry.example"));
    await expect(ask(wrong.url, { ca: [authority.ca] })).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
      message: expect.stringContaining("for another host (DNS:registry.example)"),
    });
    await using expired = await serve(await authority.issue("127.0.0.1", { days: -1 }));
    await expect(ask(expired.url, { ca: [authority.ca] })).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
      message: expect.stringContaining("expired"),
    });
    await using plain = await startOrigin((_, response) => response.end());
    await expect(ask(new URL(`https://${plain.host}`), {})).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
      message: expect.stringContaining("does not speak TLS"),
    });
  });

  test("--tls-verify=false is for that host and no other", async () => {
    await using origin = await startOrigin((_, response) => response.end("secure"), {
      tls: good,
      address: "127.0.0.2",
    });
    await expect(ask(origin.url, { name: "127.0.0.1:5000", tls: "skip" })).rejects.toMatchObject({
      code: "TLS_UNTRUSTED",
    });
  });

  test("a client certificate is shown to its host, and to no other", async () => {
    const mutual = { ...good, requestCert: true, rejectUnauthorized: true };
    const client = await authority.issue("client.example");
    await using origin = await serve(mutual);
    const pair = { ca: [authority.ca], clientCertificates: [client] };
    expect(await ask(origin.url, pair)).toBe("secure");
    await expect(ask(origin.url, { ca: [authority.ca] })).rejects.toBeInstanceOf(GantryError);
    await expect(ask(origin.url, { ...pair, name: "127.0.0.9:1" })).rejects.toBeInstanceOf(GantryError);
    expect(origin.seen).toHaveLength(1);
  });

  test("certificates from a certs.d directory", async () => {
    await using origin = await serve({ ...good, requestCert: true, rejectUnauthorized: true });
    const folder = join(temporaryFolder(), origin.host);
    mkdirSync(folder);
    const client = await authority.issue("client.example");
    writeFileSync(join(folder, "a.crt"), authority.ca);
    writeFileSync(join(folder, "me.cert"), client.cert);
    await expect(ask(origin.url, { certDirs: [join(folder, "..")] })).rejects.toMatchObject({
      code: "CONFIG_FILE_INVALID",
    });
    writeFileSync(join(folder, "me.key"), client.key);
    expect(await ask(origin.url, { certDirs: [join(folder, "..")] })).toBe("secure");
    expect(await ask(origin.url, { certDirs: [folder] })).toBe("secure");
  });
});

describe("proxies", () => {
  /** A real proxy: absolute URLs for HTTP, CONNECT for HTTPS; names that nobody knows lead to the target. */
  async function startProxy(target: URL): Promise<{ url: string; seen: string[]; close(): void }> {
    const seen: string[] = [];
    const sockets = new Set<{ destroy(): void }>();
    const server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
      response.end("through the proxy");
    });
    server.on("connection", (socket) => sockets.add(socket));
    server.on("connect", (request, socket, head) => {
      seen.push(`CONNECT ${request.url} ${request.headers["proxy-authorization"] ?? "-"}`);
      if (request.url?.startsWith("forbidden")) return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      const out = connect(Number(target.port), target.hostname, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        out.write(head);
        out.pipe(socket).pipe(out);
      });
      for (const end of [out, socket]) end.on("error", () => {});
      sockets.add(out);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const close = (): void => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
    return { url: `http://user:p%40ss@127.0.0.1:${port}`, seen, close };
  }
  const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;

  test("HTTPS goes through CONNECT, HTTP by its absolute URL, both with the proxy's own credentials", async () => {
    const authority = await testAuthority();
    await using origin = await startOrigin((_, response) => response.end("secure"), {
      tls: await authority.issue("registry.example"),
    });
    const proxy = await startProxy(origin.url);
    await using transport = undiciTransport({
      name: "registry.example",
      ca: [authority.ca],
      proxy: { http: proxy.url, https: proxy.url },
    });
    expect(await textOf(await transport(get("https://registry.example/v2/")))).toBe("secure");
    expect(await textOf(await transport(get("http://plain.example/v2/")))).toBe("through the proxy");
    expect(proxy.seen).toEqual([
      `CONNECT registry.example:443 ${authorization}`,
      `GET http://plain.example/v2/ ${authorization}`,
    ]);
    expect(origin.seen[0]!.headers["proxy-authorization"]).toBeUndefined();
    await expect(transport(get("https://forbidden.example/"))).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      message: expect.stringContaining("the proxy refused"),
    });
    proxy.close();
  });

  test("loopback is never proxied", async () => {
    await using origin = await startOrigin((_, response) => response.end("direct"));
    await using transport = undiciTransport({ name: origin.host, proxy: { http: "http://127.0.0.1:1" } });
    expect(await textOf(await transport(get(origin.url)))).toBe("direct");
  });
});
