import { createServer, type AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import type { HostConfig } from "./host.js";
import { probeScheme } from "./scheme.js";
import { startOrigin } from "./test-origin.js";
import { testAuthority } from "../../test/support/certificates.js";

const probe = (name: string, more: Partial<HostConfig> = {}): Promise<string> =>
  probeScheme({ name, ...more }).then(({ href }) => href);

describe("where a host answers", () => {
  test("any host is https, and is not even asked", async () => {
    expect(await probe("registry.example:5000")).toBe("https://registry.example:5000/");
    expect(await probe("docker.io")).toBe("https://registry-1.docker.io/");
    expect(await probe("10.0.0.1:5000")).toBe("https://10.0.0.1:5000/");
    expect(await probe("127.0.0.1:1", { tls: "verify" })).toBe("https://127.0.0.1:1/");
  });

  test("a loopback host is what it speaks, and sees no request to find out", async () => {
    await using plain = await startOrigin((_, response) => response.end());
    await using secure = await startOrigin((_, response) => response.end(), {
      tls: await (await testAuthority()).issue("other.example"),
    });
    expect(await probe(plain.host)).toBe(`http://${plain.host}/`);
    expect(await probe(plain.host, { tls: "skip" })).toBe(`http://${plain.host}/`);
    expect(await probe(secure.host)).toBe(`https://${secure.host}/`);
    expect(await probe(secure.host.replace("127.0.0.1", "localhost"))).toMatch(/^https:/);
    expect([...plain.seen, ...secure.seen]).toEqual([]);
  });

  test("a server that insists on a client certificate is https", async () => {
    const tls = {
      ...(await (await testAuthority()).issue("127.0.0.1")),
      requestCert: true,
      rejectUnauthorized: true,
      maxVersion: "TLSv1.2" as const,
    };
    await using origin = await startOrigin((_, response) => response.end(), { tls });
    expect(await probe(origin.host)).toMatch(/^https:/);
  });

  test("one that hangs up on a handshake, or says nothing to it, is http; one that is not there is neither", async () => {
    for (const silent of [false, true]) {
      const server = createServer((socket) => {
        socket.on("error", () => {});
        socket.on("data", () => {
          if (!silent) socket.resetAndDestroy();
        });
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
      expect(await probe(name, { timeouts: { connect: 300 } })).toBe(`http://${name}/`);
      await new Promise((resolve) => server.close(resolve));
      await expect(probe(name)).rejects.toMatchObject({ code: "CONNECTION_FAILED", facts: { cause: "ECONNREFUSED" } });
    }
  });

  test("what is no host", async () => {
    await expect(probe("a b")).rejects.toMatchObject({ code: "REFERENCE_INVALID" });
  });
});
