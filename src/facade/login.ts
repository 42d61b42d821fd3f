import { eraseCredential, loginFile, saveCredential, staticCredentials } from "../net/index.js";
import { parseHost } from "../spec/index.js";
import { openHost } from "../stores/registry/index.js";
import { hostOptions } from "./hosts.js";
import { type GantryOptions, type Places, sideOf } from "./options.js";

/** Options of `login`. */
export interface LoginOptions {
  readonly username: string;
  readonly password: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks the credentials at the registry, then keeps them where other tools look for them too.
 *
 * @param host a registry's host, or `host/namespace` to keep a login of its own for a namespace
 * @throws GantryError UNAUTHORIZED when the registry refuses them
 */
export async function login(
  host: string,
  { username, password, signal }: LoginOptions,
  options: GantryOptions,
  places: Places,
): Promise<{ readonly savedIn: string }> {
  const key = keyOf(host);
  const credential = { kind: "basic", username, password } as const;
  const { creds: _creds, registryToken: _token, ...side } = sideOf(options, "source");
  const found = staticCredentials({ credential, origin: "the login" });
  await using registry = openHost({
    ...hostOptions(parseHost(key.split("/")[0]!), side, options, places),
    credentials: found,
  });
  await registry.ping({ signal });
  const file = loginFile(fileOptions(options, places));
  return { savedIn: await saveCredential({ file, host: key, credential, env: options.env ?? {} }) };
}

/** Forgets the credentials; answers whence they were removed, or undefined when there were none. */
export async function logout(
  host: string,
  options: GantryOptions,
  places: Places,
): Promise<{ readonly removedFrom: string | undefined }> {
  const file = loginFile(fileOptions(options, places));
  const removed = await eraseCredential({ file, host: keyOf(host), env: options.env ?? {} });
  return { removedFrom: removed ? file : undefined };
}

function fileOptions(options: GantryOptions, places: Places) {
  const { authFile } = sideOf(options, "source");
  return { env: options.env ?? {}, home: places.home, ...(authFile === undefined ? {} : { authFile }) };
}

/** People paste URLs: `https://ghcr.io/` is `ghcr.io`. */
const keyOf = (host: string): string => host.replace(/^https?:\/\//, "").replace(/\/(?:v1\/?|v2\/?)?$/, "");
