import { GantryError } from "../../errors.js";
import type { CredentialSource, Found } from "../credentials.js";
import { type AuthFile, credentialOf, parseAuthFile, readAuthText } from "./auth-file.js";
import { authKey, HUB_KEY, keysFor } from "./auth-key.js";
import { helperGet, type HelperOptions } from "./helper.js";

/** Where credentials are kept: a file, or the text of one. */
export type AuthFileOptions = HelperOptions & {
  /** `~/.dockercfg`: only the `auths`. */
  readonly legacy?: boolean | undefined;
} & (
    | {
        readonly path: string;
        /** The user named it: that it is missing is an error. */
        readonly required?: boolean | undefined;
      }
    | {
        readonly text: string;
        /** What the text is called in messages: `DOCKER_AUTH_CONFIG`. */
        readonly origin: string;
      }
  );

/**
 * The credentials of Docker's config.json or Podman's auth.json: for each key from `host/namespace/repository` down to
 * `host` what is written there, before that the host's own helper, at last the common one. The file is read, and a
 * helper asked, once; again when what they said has expired or was rejected.
 *
 * @throws GantryError (from `find`) CONFIG_FILE_INVALID, CREDENTIALS_INVALID when a helper that is named is missing or
 *   fails, FILE_NOT_FOUND
 */
export function dockerConfigCredentials(options: AuthFileOptions): CredentialSource {
  const where = "path" in options ? options.path : options.origin;
  let file: Promise<AuthFile> | undefined;
  const asked = new Map<string, Promise<Found | undefined>>();

  return {
    async find({ host, repository }, why) {
      if (why !== "first") {
        file = undefined;
        asked.delete(authKey(host));
      }
      file ??= read();
      const { auths, credHelpers, credsStore } = await file;
      const keys = keysFor(host, repository);
      for (const key of keys) {
        const helper = credHelpers.get(key);
        if (helper !== undefined) return fromHelper(helper, key);
        const entry = auths.get(key);
        const credential = entry === undefined ? undefined : credentialOf(entry, where);
        if (credential !== undefined) return { credential, origin: `${where}, key ${entry!.key}` };
      }
      return credsStore === undefined ? undefined : fromHelper(credsStore, authKey(host));
    },
  };

  async function read(): Promise<AuthFile> {
    if ("text" in options) return parseAuthFile(options.text, where, options.legacy);
    const text = await readAuthText(options.path);
    if (text !== undefined) return parseAuthFile(text, where, options.legacy);
    if (options.required !== true) return parseAuthFile("", where);
    throw new GantryError("FILE_NOT_FOUND", "this file of credentials is not there", { where });
  }

  function fromHelper(helper: string, key: string): Promise<Found | undefined> {
    const before = asked.get(key);
    if (before !== undefined) return before;
    const answer = ask(helper, key);
    asked.set(key, answer);
    answer.catch(() => asked.delete(key));
    return answer;
  }

  async function ask(helper: string, key: string): Promise<Found | undefined> {
    // Docker stores its Hub under the old URL, Podman under the name.
    for (const server of key === "docker.io" ? [HUB_KEY, key] : [key]) {
      const credential = await helperGet(helper, server, options);
      if (credential !== undefined) return { credential, origin: `docker-credential-${helper} (${where})` };
    }
    return undefined;
  }
}
