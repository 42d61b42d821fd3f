import { afterAll, describe, expect, test } from "vitest";
import { makeCertificates } from "./certificates.js";
import { startCountingProxy } from "./counting-proxy.mjs";
import { needs } from "./needs.js";
import { run } from "./processes.js";
import { basicUser, type RegistryKind, startRegistry } from "./registries.js";
import { startTokenServer } from "./token-server.js";

// The bench that every other interop test stands on: what it starts must be what it says, or the tests prove nothing.
const stops: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

for (const kind of ["docker-registry", "registry", "zot"] satisfies RegistryKind[]) {
  const need = needs([kind]);
  describe.skipIf(need.skip)(kind, () => {
    test("answers on a free port, and the counting proxy counts", async () => {
      const registry = await startRegistry(kind);
      stops.push(() => registry.stop());
      const proxy = await startCountingProxy(registry.host);
      stops.push(() => proxy.stop());
      expect((await fetch(`http://${proxy.host}/v2/`)).status).toBe(200);
      const upload = await fetch(`http://${proxy.host}/v2/a/b/blobs/uploads/`, { method: "POST" });
      expect(upload.status).toBe(202);
      const location = new URL(upload.headers.get("location")!, `http://${proxy.host}`);
      expect(location.host).toBe(proxy.host);
      expect(proxy.requests).toEqual(["GET /v2/ 200", "POST /v2/a/b/blobs/uploads/ 202"]);
    });

    test("asks for Basic credentials", async () => {
      const registry = await startRegistry(kind, { auth: "basic" });
      stops.push(() => registry.stop());
      expect((await fetch(`${registry.url}/v2/`)).status).toBe(401);
      const authorization = `Basic ${Buffer.from(`${basicUser.name}:${basicUser.password}`).toString("base64")}`;
      expect((await fetch(`${registry.url}/v2/`, { headers: { authorization } })).status).toBe(200);
    });

    test.skipIf(kind === "zot")("believes signed tokens, over TLS", async () => {
      const certificates = await makeCertificates();
      const tokens = await startTokenServer(certificates, { user: "u", password: "p" });
      stops.push(() => tokens.stop());
      const registry = await startRegistry(kind, { auth: tokens, tls: certificates });
      stops.push(() => registry.stop());
      const curl = (args: string[]) => run("curl", ["-sS", "--cacert", certificates.authority, ...args]);
      const refused = await curl(["-D-", "-o", "/dev/null", `${registry.url}/v2/a/b/tags/list`]);
      expect(refused.stdout).toContain("401");
      expect(refused.stdout.toLowerCase()).toContain(`bearer realm="${tokens.realm}"`);
      const asked = await run("curl", [
        "-sS",
        "-u",
        "u:p",
        `${tokens.realm}?service=interop&scope=repository:a/b:pull`,
      ]);
      const { token } = JSON.parse(asked.stdout) as { token: string };
      const answer = await curl(["-H", `Authorization: Bearer ${token}`, `${registry.url}/v2/a/b/tags/list`]);
      expect(answer.stdout).toMatch(/NAME_UNKNOWN/);
      expect(tokens.asked).toEqual([["repository:a/b:pull"]]);
    });
  });
}
