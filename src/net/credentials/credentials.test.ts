import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Credential } from "../credentials.js";
import { temporaryFolder } from "../test-origin.js";
import { authKey } from "./auth-key.js";
import { authFiles, defaultCredentials, loginFile } from "./default.js";
import { dockerConfigCredentials } from "./docker-config.js";
import { eraseCredential, saveCredential } from "./save.js";

const encoded = (username: string, password: string): string =>
  Buffer.from(`${username}:${password}`).toString("base64");
const entry = (username: string): object => ({ auth: encoded(username, "pw") });
const file = (json: unknown, folder = temporaryFolder(), name = "config.json"): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof json === "string" ? json : JSON.stringify(json));
  return path;
};

/** A helper that keeps what it is given in files, and logs how it was called: the real protocol, in a shell script. */
function helperOnPath(name = "test", script?: string): { env: Record<string, string>; log(): string; folder: string } {
  const folder = temporaryFolder();
  const body =
    script ??
    `#!/bin/sh
read -r input
echo "$1 $input" >> "${folder}/log"
key=$(printf %s "$input" | tr -c 'a-zA-Z0-9.\\n' _)
case "$1" in
  get) [ -f "${folder}/$key" ] && cat "${folder}/$key" || { echo "credentials not found in native keychain"; exit 1; } ;;
  store) host=$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr -c 'a-zA-Z0-9.\\n' _); printf %s "$input" > "${folder}/$host" ;;
  erase) rm -f "${folder}/$key" ;;
esac
`;
  const path = join(folder, `docker-credential-${name}`);
  writeFileSync(path, body);
  chmodSync(path, 0o755);
  const log = join(folder, "log");
  return {
    folder,
    env: { PATH: `${folder}:/usr/bin:/bin` },
    log: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
  };
}

const find = async (
  json: unknown,
  host: string,
  repository?: string,
  env: Record<string, string> = {},
): Promise<Credential | undefined> => {
  const source = dockerConfigCredentials({ path: file(json), env });
  return (await source.find({ host, ...(repository === undefined ? {} : { repository }) }, "first"))?.credential;
};
const user = (credential: Credential | undefined): string | undefined =>
  credential?.kind === "basic" ? credential.username : credential?.kind;

describe("keys (threats.md rows 12, 20)", () => {
  test.each([
    ["https://index.docker.io/v1/", "docker.io"],
    ["index.docker.io", "docker.io"],
    ["registry-1.docker.io", "docker.io"],
    ["Docker.io", "docker.io"],
    ["https://GHCR.io", "ghcr.io"],
    ["https://ghcr.io:443/v2/", "ghcr.io"],
    ["http://localhost:80", "localhost"],
    ["ghcr.io:443", "ghcr.io:443"],
    ["localhost:5000/v1/", "localhost:5000"],
    ["ghcr.io/acme/", "ghcr.io/acme"],
    ["https://host/some/path", "host"],
    ["docker.io/library", "docker.io/library"],
  ])("%s is %s", (written, key) => {
    expect(authKey(written)).toBe(key);
  });

  test("is its own key", () => {
    fc.assert(
      fc.property(fc.domain(), (host) => {
        expect(authKey(authKey(`https://${host}/v2/`))).toBe(authKey(host));
      }),
    );
  });

  test.each([
    "ghcr.io.evil.com",
    "evil-ghcr.io",
    "ghcr.io:8443",
    "a.ghcr.io",
    "hcr.io",
    "ghcr.io@evil.com",
    "constructor",
    "__proto__",
  ])("%s does not get what is ghcr.io's", async (host) => {
    expect(await find({ auths: { "ghcr.io": entry("me") }, credHelpers: { "ghcr.io": "none" } }, host)).toBeUndefined();
  });
});

describe("files", () => {
  test("the most specific key counts", async () => {
    const json = { auths: { "r.io": entry("host"), "r.io/a": entry("namespace"), "r.io/a/b": entry("repository") } };
    expect(user(await find(json, "r.io", "a/b"))).toBe("repository");
    expect(user(await find(json, "r.io", "a/bc"))).toBe("namespace");
    expect(user(await find(json, "r.io", "ab/c"))).toBe("host");
    expect(user(await find(json, "r.io"))).toBe("host");
  });

  test("every kind of entry", async () => {
    const one = (value: object): Promise<Credential | undefined> => find({ auths: { "r.io": value } }, "R.io");
    expect(await one({ auth: encoded("me", "p:w ö") })).toEqual({ kind: "basic", username: "me", password: "p:w ö" });
    expect(await one({ auth: encoded("me", "pw\0\0") })).toEqual({ kind: "basic", username: "me", password: "pw" });
    expect(await one({ username: "me", password: "pw" })).toEqual({ kind: "basic", username: "me", password: "pw" });
    expect(await one({ auth: encoded("me", "x"), identitytoken: "id" })).toEqual({ kind: "refresh", token: "id" });
    expect(await one({ registrytoken: "bearer" })).toEqual({ kind: "bearer", token: "bearer" });
    expect(await one({ auth: encoded("<token>", "id") })).toEqual({ kind: "refresh", token: "id" });
    expect(await one({})).toBeUndefined();
    expect(await one({ email: "me@r.io", auth: "" })).toBeUndefined();
  });

  test.each([
    ["no JSON", '{"auths": {"r.io": {"auth": "S3CRET"'],
    ["a list", "[]"],
    ["auths that are a list", '{"auths": []}'],
    ["an entry that is a text", '{"auths": {"r.io": "S3CRET"}}'],
    ["an auth that is no base64", '{"auths": {"r.io": {"auth": "S3CRET!"}}}'],
    ["an auth without a colon", `{"auths": {"r.io": {"auth": "${Buffer.from("S3CRET").toString("base64")}"}}}`],
    ["a store that is a number", '{"credsStore": 1}'],
  ])("%s: CONFIG_FILE_INVALID with the path and no secret", async (_, text) => {
    const path = file(text);
    const error: unknown = await dockerConfigCredentials({ path, env: {} })
      .find({ host: "r.io" }, "first")
      .catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "CONFIG_FILE_INVALID", where: path });
    expect(`${JSON.stringify(error)} ${(error as Error).stack}`).not.toMatch(/S3CRET/);
  });

  test("are read again when what they said was rejected", async () => {
    const path = file({ auths: { "r.io": entry("old") } });
    const source = dockerConfigCredentials({ path, env: {} });
    expect(user((await source.find({ host: "r.io" }, "first"))?.credential)).toBe("old");
    file({ auths: { "r.io": entry("new") } }, dirname(path));
    expect(user((await source.find({ host: "r.io" }, "first"))?.credential)).toBe("old");
    expect(user((await source.find({ host: "r.io" }, "rejected"))?.credential)).toBe("new");
  });

  test("the order of the places; a named one stands alone", async () => {
    const home = temporaryFolder();
    const env = { XDG_RUNTIME_DIR: join(home, "run"), DOCKER_CONFIG: join(home, "docker") };
    expect(authFiles({ env, home }).map(({ path }) => path.slice(home.length))).toEqual([
      "/run/containers/auth.json",
      "/.config/containers/auth.json",
      "/docker/config.json",
      "/.dockercfg",
    ]);
    file({ "r.io": entry("dockercfg") }, home, ".dockercfg");
    const who = async (more: object = {}, authFile?: string): Promise<string | undefined> => {
      const source = defaultCredentials({
        env: { ...env, ...more },
        home,
        ...(authFile === undefined ? {} : { authFile }),
      });
      return user((await source.find({ host: "r.io" }, "first"))?.credential);
    };
    expect(await who()).toBe("dockercfg");
    file({ auths: { "r.io": entry("docker") } }, env.DOCKER_CONFIG);
    expect(await who()).toBe("docker");
    file({ auths: { "r.io": entry("podman") } }, join(env.XDG_RUNTIME_DIR, "containers"), "auth.json");
    expect(await who()).toBe("podman");
    expect(await who({ DOCKER_AUTH_CONFIG: JSON.stringify({ auths: { "r.io": entry("text") } }) })).toBe("text");
    const named = file({ auths: { "other.io": entry("named") } });
    expect(await who({ REGISTRY_AUTH_FILE: named })).toBeUndefined();
    expect(await who({}, named)).toBeUndefined();
    await expect(who({}, join(home, "missing"))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    expect(loginFile({ env: {}, home })).toBe(join(home, ".docker/config.json"));
  });
});

describe("helpers", () => {
  test("are asked by the protocol, once, and again when that expired; the Hub by its old URL too", async () => {
    const helper = helperOnPath();
    writeFileSync(join(helper.folder, "r.io"), '{"ServerURL":"r.io","Username":"<token>","Secret":"id"}');
    const source = dockerConfigCredentials({
      path: file({ credHelpers: { "https://r.io": "test" }, credsStore: "test" }),
      env: helper.env,
    });
    for (const repository of ["a", "b"]) {
      expect(await source.find({ host: "r.io", repository }, "first")).toMatchObject({
        credential: { kind: "refresh", token: "id" },
        origin: expect.stringContaining("docker-credential-test"),
      });
    }
    expect(helper.log()).toBe("get r.io\n");
    await source.find({ host: "r.io" }, "expired");
    expect(helper.log()).toBe("get r.io\nget r.io\n");
    expect(await source.find({ host: "docker.io" }, "first")).toBeUndefined();
    expect(helper.log()).toContain("get https://index.docker.io/v1/\nget docker.io\n");
  });

  test.each(["../evil", "a b", "a;b", "", "a/b"])("a helper called %j is never run", async (name) => {
    const json = name === "" ? { credHelpers: { "r.io": "" } } : { credsStore: name };
    await expect(find(json, "r.io")).rejects.toMatchObject({ code: "CREDENTIALS_INVALID" });
  });

  test("one that is missing, also from the current directory, is an error", async () => {
    const { folder } = helperOnPath("here");
    for (const PATH of [folder.replace("/tmp", "/nowhere"), ".", ""]) {
      await expect(find({ credsStore: "here" }, "r.io", undefined, { PATH })).rejects.toMatchObject({
        code: "CREDENTIALS_INVALID",
        message: expect.stringContaining("is not there"),
      });
    }
  });

  test("a line break in the server's name never reaches it", async () => {
    const helper = helperOnPath();
    for (const host of ["r.io\ngithub.com", "r.io\rx", "r.io\0x"]) {
      await expect(find({ credsStore: "test" }, host, undefined, helper.env)).rejects.toMatchObject({
        code: "CREDENTIALS_INVALID",
      });
    }
    expect(helper.log()).toBe("");
  });

  test.each([
    ["fails", "#!/bin/sh\necho 'locked \u001b[31m'; exit 2\n", /failed to get: locked \\x1b\[31m/],
    ["speaks no JSON", "#!/bin/sh\necho hello\n", /failed to get/],
    ["never answers", "#!/bin/sh\nexec sleep 60\n", /did not answer/],
    ["answers without end", "#!/bin/sh\nexec yes\n", /without an end/],
  ])("one that %s is an error", async (_, script, message) => {
    const { env } = helperOnPath("test", script);
    const source = dockerConfigCredentials({ path: file({ credsStore: "test" }), env, timeout: 1_000 });
    await expect(source.find({ host: "r.io" }, "first")).rejects.toMatchObject({
      code: "CREDENTIALS_INVALID",
      message: expect.stringMatching(message),
    });
  });
});

describe("login and logout (threats.md row 80)", () => {
  const credential: Credential = { kind: "basic", username: "me", password: "pw" };

  test("whatever is in the file stays, the mode is 0600, a link stays a link", async () => {
    const before = process.umask(0);
    try {
      const target = file(
        '{"HttpHeaders":{"X":"y"},"auths":{"a.io":{"auth":"eDp5","extra":1},"__proto__":{"auth":"eDp5"}},"psFormat":"z"}',
      );
      chmodSync(target, 0o644);
      const link = join(temporaryFolder(), "config.json");
      symlinkSync(target, link);
      expect(await saveCredential({ file: link, host: "https://R.io/", credential, env: {} })).toBe(link);
      expect(lstatSync(link).isSymbolicLink()).toBe(true);
      expect(statSync(target).mode & 0o777).toBe(0o600);
      expect(readFileSync(target, "utf8")).toBe(
        `${JSON.stringify(
          JSON.parse(
            '{"HttpHeaders":{"X":"y"},"auths":{"a.io":{"auth":"eDp5","extra":1},"__proto__":{"auth":"eDp5"},"r.io":{"auth":"bWU6cHc="}},"psFormat":"z"}',
          ),
          null,
          "\t",
        )}\n`,
      );
      expect(await eraseCredential({ file: link, host: "r.io:443", env: {} })).toBe(false);
      expect(await eraseCredential({ file: link, host: "https://r.io:443", env: {} })).toBe(true);
      expect(readFileSync(target, "utf8")).not.toContain("r.io");
      const fresh = join(temporaryFolder(), "new", "config.json");
      await saveCredential({ file: fresh, host: "docker.io", credential, env: {} });
      expect(statSync(fresh).mode & 0o777).toBe(0o600);
      expect(statSync(dirname(fresh)).mode & 0o777).toBe(0o700);
      expect(Object.keys((JSON.parse(readFileSync(fresh, "utf8")) as { auths: object }).auths)).toEqual([
        "https://index.docker.io/v1/",
      ]);
    } finally {
      process.umask(before);
    }
  });

  test("one key for one host, however it was written before", async () => {
    const path = file({
      auths: { "https://R.io/v1/": entry("old"), "r.io": entry("older"), "r.io/ns": entry("other") },
    });
    await saveCredential({ file: path, host: "r.io", credential, env: {} });
    expect(Object.keys((JSON.parse(readFileSync(path, "utf8")) as { auths: object }).auths)).toEqual([
      "r.io/ns",
      "r.io",
    ]);
  });

  test("with a helper, nothing secret is in the file", async () => {
    const helper = helperOnPath();
    const path = file({ credsStore: "test" });
    const options = { file: path, host: "r.io", env: helper.env };
    expect(await saveCredential({ ...options, credential })).toBe("docker-credential-test");
    expect(readFileSync(path, "utf8")).not.toContain(encoded("me", "pw"));
    expect(await dockerConfigCredentials({ path, env: helper.env }).find({ host: "r.io" }, "first")).toMatchObject({
      credential,
    });
    expect(await eraseCredential(options)).toBe(true);
    expect(await dockerConfigCredentials({ path, env: helper.env }).find({ host: "r.io" }, "first")).toBeUndefined();
  });

  test("many at once lose nothing", async () => {
    const path = join(temporaryFolder(), "config.json");
    const hosts = Array.from({ length: 12 }, (_, index) => `r${index}.io`);
    await Promise.all(hosts.map((host) => saveCredential({ file: path, host, credential, env: {} })));
    expect(Object.keys((JSON.parse(readFileSync(path, "utf8")) as { auths: object }).auths).sort()).toEqual(
      hosts.sort(),
    );
  });

  test("a broken file is not replaced", async () => {
    const path = file("{broken");
    await expect(saveCredential({ file: path, host: "r.io", credential, env: {} })).rejects.toMatchObject({
      code: "CONFIG_FILE_INVALID",
    });
    expect(readFileSync(path, "utf8")).toBe("{broken");
  });

  test("what is saved, skopeo's and docker's readers find", async () => {
    // The format is theirs: base64 of user:password under the host's key.
    const path = join(temporaryFolder(), "auth.json");
    await saveCredential({ file: path, host: "index.docker.io", credential, env: {} });
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ auths: { "docker.io": { auth: encoded("me", "pw") } } });
    expect(execFileSync("base64", ["-d"], { input: encoded("me", "pw") }).toString()).toBe("me:pw");
  });
});
