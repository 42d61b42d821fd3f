import { readFile } from "node:fs/promises";
import { GantryError } from "../../errors.js";
import type { Credential } from "../credentials.js";
import { authKey } from "./auth-key.js";

/** An entry of `auths`, as far as it is understood. */
export interface AuthEntry {
  /** The key as it is written. */
  readonly key: string;
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** Docker's config.json or Podman's auth.json, as far as it is understood; keys in the form of `authKey`. */
export interface AuthFile {
  readonly auths: ReadonlyMap<string, AuthEntry>;
  readonly credsStore: string | undefined;
  readonly credHelpers: ReadonlyMap<string, string>;
}

/**
 * Reads an auth file's text. `legacy`: the form of `~/.dockercfg`, which is only the `auths`.
 *
 * @throws GantryError CONFIG_FILE_INVALID with the path; never with what is in the file
 */
export function parseAuthFile(text: string, where: string, legacy = false): AuthFile {
  const json = authJson(text, where);
  const auths = new Map<string, AuthEntry>();
  for (const [key, value] of Object.entries(section(legacy ? { auths: json } : json, "auths", where))) {
    if (!isObject(value)) throw invalid(where, `the entry ${JSON.stringify(key)} of "auths" is not an object`);
    const entry: Record<string, string> = {};
    for (const name of ["auth", "username", "password", "identitytoken", "registrytoken"]) {
      const field = value[name];
      if (field === undefined || field === null || field === "") continue;
      if (typeof field !== "string") throw invalid(where, `"${name}" of ${JSON.stringify(key)} is not a text`);
      entry[name] = field;
    }
    const name = authKey(key);
    // An entry without content only says that a helper knows; it must not hide one that has some.
    if (Object.keys(entry).length > 0 && !auths.has(name)) auths.set(name, { ...entry, key });
  }
  const credHelpers = new Map<string, string>();
  for (const [key, value] of Object.entries(legacy ? {} : section(json, "credHelpers", where))) {
    if (typeof value !== "string") throw invalid(where, `the helper of ${JSON.stringify(key)} is not a name`);
    credHelpers.set(authKey(key), value);
  }
  const store = legacy ? undefined : json["credsStore"];
  if (store !== undefined && typeof store !== "string") throw invalid(where, `"credsStore" is not a name`);
  return { auths, credHelpers, credsStore: store === "" ? undefined : store };
}

/** The object that an auth file is, with everything in it. An empty file is an empty object, as it is to Docker. */
export function authJson(text: string, where: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    // The parser's message quotes the text around the place, and the text is secrets.
    throw invalid(where, "this is not JSON");
  }
  if (!isObject(json)) throw invalid(where, "this is not a JSON object");
  return json;
}

/** A file's text; undefined when there is none. */
export async function readAuthText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new GantryError("CONFIG_FILE_INVALID", "this file of credentials cannot be read", {
      where: path,
      cause: error,
    });
  }
}

/**
 * What an entry proves.
 *
 * @throws GantryError CONFIG_FILE_INVALID when its `auth` is not the base64 of `user:password`
 */
export function credentialOf(entry: AuthEntry, where: string): Credential | undefined {
  if (entry.registrytoken !== undefined) return { kind: "bearer", token: entry.registrytoken };
  if (entry.identitytoken !== undefined) return { kind: "refresh", token: entry.identitytoken };
  if (entry.auth === undefined) {
    if (entry.username === undefined || entry.password === undefined) return undefined;
    return basicOrRefresh(entry.username, entry.password);
  }
  const bytes = Buffer.from(entry.auth.trim(), "base64");
  const text = bytes.toString("utf8").replace(/\0+$/, "");
  const colon = text.indexOf(":");
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(entry.auth.trim()) || colon < 0) {
    throw invalid(where, `the "auth" of ${JSON.stringify(entry.key)} is not the base64 of USER:PASSWORD`);
  }
  return basicOrRefresh(text.slice(0, colon), text.slice(colon + 1));
}

/** A user of this name says that the password is a refresh token (docker-credential-helpers, "Development"). */
export function basicOrRefresh(username: string, password: string): Credential {
  return username === "<token>" ? { kind: "refresh", token: password } : { kind: "basic", username, password };
}

function section(json: Record<string, unknown>, name: string, where: string): Record<string, unknown> {
  const value = json[name];
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid(where, `"${name}" is not an object`);
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(where: string, what: string): GantryError {
  return new GantryError("CONFIG_FILE_INVALID", what, {
    where,
    hint: "Repair the file, or name another one with --authfile.",
  });
}
