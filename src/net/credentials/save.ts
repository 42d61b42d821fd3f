import { readlink, realpath } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { GantryError } from "../../errors.js";
import { makeFolders, replaceFile } from "../../streams/index.js";
import type { Credential } from "../credentials.js";
import { authJson, type AuthFile, parseAuthFile, readAuthText } from "./auth-file.js";
import { authKey, HUB_KEY } from "./auth-key.js";
import { helperErase, type HelperOptions, helperStore } from "./helper.js";

/** Where a login is kept. */
export interface SaveOptions extends HelperOptions {
  /** Docker's config.json or Podman's auth.json; it need not exist. */
  readonly file: string;
  /** A host as a user types it, or `host/namespace`. */
  readonly host: string;
}

/**
 * Keeps a credential: with the helper that the file names for the host, else in the file itself. The file is replaced
 * as a whole, at the end of a symbolic link if it is one, readable by its owner only whatever the umask is, under a
 * lock; what else is in it stays (threats.md row 80). Older keys for the same host go.
 *
 * @returns where it is kept now, for the user
 * @throws GantryError CONFIG_FILE_INVALID, CREDENTIALS_INVALID, LOCKED, IO
 */
export async function saveCredential(options: SaveOptions & { readonly credential: Credential }): Promise<string> {
  const { credential, host, file } = options;
  const key = authKey(host);
  return edit(file, async (json, parsed) => {
    const helper = helperFor(parsed, key);
    const auths = withoutKey(json["auths"], key);
    const written = key === "docker.io" && basename(file) !== "auth.json" ? HUB_KEY : key;
    if (helper === undefined) {
      setOwn(auths, written, entryOf(credential));
      return { json: { ...json, auths }, result: file };
    }
    if (credential.kind === "bearer") {
      throw new GantryError("CREDENTIALS_INVALID", `docker-credential-${helper} cannot keep a bearer token`);
    }
    const pair =
      credential.kind === "basic"
        ? { username: credential.username, secret: credential.password }
        : { username: "<token>", secret: credential.token };
    await helperStore(helper, key === "docker.io" ? HUB_KEY : key, pair, options);
    // Empty, as Docker does: it says that the helper has an entry.
    setOwn(auths, written, {});
    return { json: { ...json, auths }, result: `docker-credential-${helper}` };
  });
}

/**
 * Forgets what is kept for a host, with its helper and in the file.
 *
 * @returns whether the file held anything for it, or a helper was asked to forget
 * @throws GantryError CONFIG_FILE_INVALID, CREDENTIALS_INVALID, LOCKED, IO
 */
export async function eraseCredential(options: SaveOptions): Promise<boolean> {
  const key = authKey(options.host);
  if ((await readAuthText(options.file)) === undefined) return false;
  return edit(options.file, async (json, parsed) => {
    const helper = helperFor(parsed, key);
    if (helper !== undefined) {
      for (const server of key === "docker.io" ? [HUB_KEY, key] : [key]) await helperErase(helper, server, options);
    }
    const auths = withoutKey(json["auths"], key);
    const removed = Object.keys(auths).length < Object.keys(json["auths"] ?? {}).length;
    return { json: removed ? { ...json, auths } : undefined, result: removed || helper !== undefined };
  });
}

function helperFor(file: AuthFile, key: string): string | undefined {
  const host = key.replace(/\/.*$/s, "");
  return file.credHelpers.get(key) ?? file.credHelpers.get(host) ?? file.credsStore;
}

function entryOf(credential: Credential): Record<string, string> {
  switch (credential.kind) {
    case "basic":
      return { auth: Buffer.from(`${credential.username}:${credential.password}`, "utf8").toString("base64") };
    case "refresh":
      return { identitytoken: credential.token };
    case "bearer":
      return { registrytoken: credential.token };
  }
}

function withoutKey(auths: unknown, key: string): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [written, entry] of Object.entries(auths ?? {})) {
    if (authKey(written) !== key) setOwn(kept, written, entry);
  }
  return kept;
}

/** A key may be called `__proto__` (threats.md row 85). */
function setOwn(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Reads, changes and replaces a file under a lock. */
async function edit<T>(
  file: string,
  change: (
    json: Record<string, unknown>,
    parsed: AuthFile,
  ) => Promise<{ json: Record<string, unknown> | undefined; result: T }>,
): Promise<T> {
  const target = await linkEnd(file);
  await makeFolders(dirname(target), 0o700);
  const { lock } = await import("proper-lockfile");
  const release = await lock(target, {
    realpath: false,
    retries: { retries: 50, minTimeout: 20, maxTimeout: 200 },
  }).catch((cause: unknown) => {
    throw new GantryError("LOCKED", "another process is changing the file of credentials", { where: file, cause });
  });
  try {
    const text = (await readAuthText(target)) ?? "";
    const { json, result } = await change(authJson(text, file), parseAuthFile(text, file));
    if (json !== undefined) {
      await replaceFile(target, `${JSON.stringify(json, null, "\t")}\n`, { mode: 0o600 });
    }
    return result;
  } catch (cause) {
    if (GantryError.is(cause)) throw cause;
    throw new GantryError("IO", "the file of credentials cannot be written", { where: file, cause });
  } finally {
    await release();
  }
}

/** The file at the end of symbolic links, also where it does not exist yet. */
async function linkEnd(file: string): Promise<string> {
  let at = resolve(file);
  for (let links = 0; links < 40; links += 1) {
    const next = await readlink(at).catch(() => undefined);
    if (next === undefined) break;
    at = resolve(dirname(at), next);
  }
  return realpath(at).catch(() => at);
}
