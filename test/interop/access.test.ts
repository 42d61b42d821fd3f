import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, makeCertificates } from "./certificates.js";
import { gantry } from "./gantry.js";
import { needs } from "./needs.js";
import { type Done, removeFolder, run, type RunOptions, temporaryFolder } from "./processes.js";
import { basicUser, type RegistryKind, startRegistry, type TestRegistry } from "./registries.js";
import { startTokenServer, type TokenServer } from "./token-server.js";

// Getting in: the registries of others ask for passwords, tokens and certificates, and their clients' files of
// credentials are read and written.
const readers = needs(["skopeo", "crane"]);
let work: string;
let certificates: Certificates;
/** A --cert-dir by Docker's convention: `*.crt` authorities, `*.cert` and `*.key` for the client. */
let authority: string;
let client: string;
const stops: (() => Promise<void>)[] = [];
const keep = <T extends { stop(): Promise<void> }>(thing: T): T => {
  stops.push(() => thing.stop());
  return thing;
};

beforeAll(async () => {
  work = temporaryFolder();
  certificates = await makeCertificates();
  authority = join(work, "authority");
  client = join(work, "client");
  for (const folder of [authority, client]) {
    mkdirSync(folder);
    copyFileSync(certificates.authority, join(folder, "ca.crt"));
  }
  copyFileSync(certificates.client.certificate, join(client, "client.cert"));
  copyFileSync(certificates.client.key, join(client, "client.key"));
  writeFileSync(join(work, "file"), "content\n");
  const plan = { images: [{ name: "small", layers: [{ files: { "./file": "/file" } }] }] };
  writeFileSync(join(work, "gantry.yaml"), JSON.stringify(plan));
  await asUser("builder", ["build", "-f", join(work, "gantry.yaml"), "-t", `oci:${work}/layout:1`]);
});
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
  removeFolder(work);
  removeFolder(certificates.folder);
});

/** Runs gantry with a HOME of that name: no two tests share credentials. */
function asUser(name: string, args: readonly string[], options: RunOptions = {}): Promise<Done> {
  const home = join(work, "homes", name);
  mkdirSync(home, { recursive: true });
  const empty = { DOCKER_CONFIG: undefined, REGISTRY_AUTH_FILE: undefined, XDG_RUNTIME_DIR: undefined };
  const env = { ...empty, HOME: home, XDG_DATA_HOME: home, XDG_CACHE_HOME: home, ...options.env };
  return gantry(args, { ...options, env });
}

const source = (): string => `oci:${work}/layout:1`;
const creds = `${basicUser.name}:${basicUser.password}`;

for (const kind of ["docker-registry", "registry", "zot"] satisfies RegistryKind[]) {
  const there = needs([kind]);
  describe.skipIf(there.skip || readers.skip)(`${kind}, Basic over TLS`, () => {
    let registry: TestRegistry;
    let image: string;
    beforeAll(async () => {
      registry = keep(await startRegistry(kind, { auth: "basic", tls: certificates }));
      image = `${registry.host}/a/b:1`;
    });

    test("pushes with the right password and the right authority; skopeo reads it", async () => {
      await asUser("right", ["copy", source(), image, "--dest-creds", creds, "--dest-cert-dir", authority]);
      const skopeo = ["inspect", "--raw", "--cert-dir", authority, "--creds", creds, `docker://${image}`];
      const raw = await run(readers.path("skopeo"), skopeo);
      expect(JSON.parse(raw.stdout)).toMatchObject({ schemaVersion: 2 });
    });

    test("an authority that is not trusted is an error about trust, and nothing is sent", async () => {
      const done = await asUser("distrust", ["copy", source(), image, "--dest-creds", creds], { mayFail: true });
      expect(done.status).not.toBe(0);
      expect(done.stderr).toMatch(/^gantry: .*certificate/im);
      expect(done.stderr).not.toContain(basicUser.password);
    });

    test("a wrong password and none are errors of permission (exit code 4), and no secret is shown", async () => {
      const wrong = [
        "copy",
        source(),
        image,
        "--dest-cert-dir",
        authority,
        "--dest-creds",
        "gantry:not-the-password",
        "--debug",
      ];
      for (const args of [wrong, ["copy", source(), image, "--dest-cert-dir", authority]]) {
        const done = await asUser("wrong", args, { mayFail: true });
        expect(done.status).toBe(4);
        expect(done.stderr).toMatch(/^gantry: /m);
        expect(done.stdout + done.stderr).not.toContain("not-the-password");
        expect(done.stdout + done.stderr).not.toContain(Buffer.from("gantry:not-the-password").toString("base64"));
      }
    });

    test("credentials that skopeo saved are found, and those that gantry saved are found by skopeo", async () => {
      const file = join(work, `${kind}-skopeo.json`);
      const login = [
        "login",
        "--authfile",
        file,
        "--cert-dir",
        authority,
        "-u",
        basicUser.name,
        "--password-stdin",
        registry.host,
      ];
      await run(readers.path("skopeo"), login, { input: basicUser.password });
      const byFile = ["digest", image, "--cert-dir", authority, "--authfile", file];
      expect((await asUser("reader", byFile)).stdout).toMatch(/^sha256:/);
      const byEnvironment = { env: { REGISTRY_AUTH_FILE: file } };
      expect((await asUser("reader", byFile.slice(0, 4), byEnvironment)).stdout).toMatch(/^sha256:/);

      const own = ["login", registry.host, "-u", basicUser.name, "--password-stdin", "--cert-dir", authority];
      await asUser("saver", own, { input: basicUser.password });
      const saved = join(work, "homes/saver/.docker/config.json");
      expect(readFileSync(saved, "utf8")).toContain(registry.host);
      await run(readers.path("skopeo"), [
        "inspect",
        "--raw",
        "--cert-dir",
        authority,
        "--authfile",
        saved,
        `docker://${image}`,
      ]);
      await asUser("saver", ["digest", image, "--cert-dir", authority]);
      await asUser("saver", ["logout", registry.host]);
      const after = await asUser("saver", ["digest", image, "--cert-dir", authority], { mayFail: true });
      expect(after.status).toBe(4);
    });
  });

  describe.skipIf(there.skip || readers.skip || kind === "zot")(`${kind}, signed tokens`, () => {
    let registry: TestRegistry;
    let tokens: TokenServer;
    beforeAll(async () => {
      // One service that knows OAuth2's POST, and one that knows only GET.
      const oauth2 = kind === "registry";
      const rules = { user: basicUser.name, password: basicUser.password, anonymous: ["open/image"], oauth2 };
      tokens = keep(await startTokenServer(certificates, rules));
      registry = keep(await startRegistry(kind, { auth: tokens }));
    });

    test("pushes, copies inside with a mount, and reads back", async () => {
      const name = (repository: string): string => `${registry.host}/${repository}:1`;
      await asUser("token", ["copy", source(), name("open/image"), "--creds", creds]);
      await asUser("token", ["copy", name("open/image"), name("other/image"), "--creds", creds]);
      const mounted = tokens.asked.some(
        (scopes) =>
          scopes.some((s) => /^repository:open\/image:.*pull/.test(s)) &&
          scopes.some((s) => s.startsWith("repository:other/image:")),
      );
      expect(mounted, JSON.stringify(tokens.asked)).toBe(true);
      const digests = await Promise.all(
        ["open/image", "other/image"].map((r) => asUser("token", ["digest", name(r), "--creds", creds])),
      );
      expect(digests[0]!.stdout).toBe(digests[1]!.stdout);
    });

    test("anonymous callers may read what is open, and nothing else", async () => {
      const open = await asUser("nobody", ["digest", `${registry.host}/open/image:1`]);
      expect(open.stdout).toMatch(/^sha256:/);
      const closed = await asUser("nobody", ["digest", `${registry.host}/other/image:1`], { mayFail: true });
      expect(closed.status).toBe(4);
    });
  });

  describe.skipIf(there.skip || kind === "zot")(`${kind}, client certificates`, () => {
    test("with one it is read, without one it is an error", async () => {
      const registry = keep(await startRegistry(kind, { tls: certificates, clientCertificates: true }));
      const image = `${registry.host}/a/b:1`;
      await asUser("client", ["copy", source(), image, "--dest-cert-dir", client]);
      expect((await asUser("client", ["digest", image, "--cert-dir", client])).stdout).toMatch(/^sha256:/);
      const without = await asUser("client", ["digest", image, "--cert-dir", authority, "--retry", "0"], {
        mayFail: true,
      });
      expect(without.status).not.toBe(0);
      expect(without.stderr).toMatch(/^gantry: /m);
    });
  });
}
