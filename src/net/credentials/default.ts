import { join } from "node:path";
import { type CredentialSource, firstOf } from "../credentials.js";
import { dockerConfigCredentials } from "./docker-config.js";

/** What says where credentials are kept. */
export interface DefaultCredentialsOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  /** The user's number, for `/run/containers/UID` where XDG_RUNTIME_DIR is not set. */
  readonly uid?: number | undefined;
  /** `--authfile`: this one and no other. */
  readonly authFile?: string | undefined;
  readonly helperTimeout?: number | undefined;
}

/**
 * The credentials that other tools of this machine use: those of `--authfile` alone; else DOCKER_AUTH_CONFIG, then
 * REGISTRY_AUTH_FILE alone; else Podman's files (containers-auth.json(5)) and Docker's.
 */
export function defaultCredentials(options: DefaultCredentialsOptions): CredentialSource {
  const { env, authFile } = options;
  const helper = { env, timeout: options.helperTimeout };
  if (authFile !== undefined) return dockerConfigCredentials({ ...helper, path: authFile, required: true });
  const sources: CredentialSource[] = [];
  const text = env["DOCKER_AUTH_CONFIG"];
  if (text !== undefined && text !== "") {
    sources.push(dockerConfigCredentials({ ...helper, text, origin: "DOCKER_AUTH_CONFIG" }));
  }
  const named = env["REGISTRY_AUTH_FILE"];
  if (named !== undefined && named !== "") {
    sources.push(dockerConfigCredentials({ ...helper, path: named, required: true }));
  } else {
    for (const { path, legacy } of authFiles(options))
      sources.push(dockerConfigCredentials({ ...helper, path, legacy }));
  }
  return firstOf(...sources);
}

/** The files that are searched when the user names none, in this order. */
export function authFiles({ env, home, uid }: DefaultCredentialsOptions): { path: string; legacy: boolean }[] {
  const runtime = env["XDG_RUNTIME_DIR"] || (uid === undefined ? undefined : `/run/containers/${uid}`);
  const config = env["XDG_CONFIG_HOME"] || join(home, ".config");
  const files = [
    ...(runtime === undefined
      ? []
      : [env["XDG_RUNTIME_DIR"] ? join(runtime, "containers", "auth.json") : join(runtime, "auth.json")]),
    join(config, "containers", "auth.json"),
    dockerConfigFile(env, home),
  ];
  return [...files.map((path) => ({ path, legacy: false })), { path: join(home, ".dockercfg"), legacy: true }];
}

/** The file that a login is written to when the user names none: Docker's, because every tool of the field reads it. */
export function loginFile({ env, home, authFile }: DefaultCredentialsOptions): string {
  return authFile ?? (env["REGISTRY_AUTH_FILE"] || dockerConfigFile(env, home));
}

function dockerConfigFile(env: Readonly<Record<string, string | undefined>>, home: string): string {
  return join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json");
}
