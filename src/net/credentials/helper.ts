import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { GantryError } from "../../errors.js";
import type { Credential } from "../credentials.js";
import { escapeControls } from "../redact.js";
import { basicOrRefresh } from "./auth-file.js";

/** What a helper runs with. */
export interface HelperOptions {
  /** The helper's environment. It needs what its own store needs (HOME, AWS_*, DBUS_*), so it is handed on whole. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** In milliseconds; helpers may ask the user to unlock something. */
  readonly timeout?: number | undefined;
}

const DEFAULT_TIMEOUT = 60_000;
const OUTPUT_LIMIT = 1024 * 1024;

/**
 * Asks a credential helper (docker-credential-helpers, "Development") for a server's credential; undefined when it
 * knows none.
 *
 * @throws GantryError CREDENTIALS_INVALID when there is no such helper, or it fails: going on without would send the
 *   wrong credentials, or none, to a registry (threats.md row 9, CVE-2021-41092)
 */
export async function helperGet(
  helper: string,
  server: string,
  options: HelperOptions,
): Promise<Credential | undefined> {
  const { code, output } = await run(helper, "get", checkServer(server), options);
  if (code !== 0) {
    if (/credentials not found|no credentials server url|not logged in|no such (?:item|credential)/i.test(output))
      return undefined;
    throw failed(helper, "get", output);
  }
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    throw failed(helper, "get", "");
  }
  if (typeof answer !== "object" || answer === null) throw failed(helper, "get", "");
  const { Username: username, Secret: secret }: { Username?: unknown; Secret?: unknown } = answer;
  if (typeof username !== "string" || typeof secret !== "string") throw failed(helper, "get", "");
  return username === "" && secret === "" ? undefined : basicOrRefresh(username, secret);
}

/**
 * Gives a credential to a helper to keep.
 *
 * @throws GantryError CREDENTIALS_INVALID
 */
export async function helperStore(
  helper: string,
  server: string,
  credential: { readonly username: string; readonly secret: string },
  options: HelperOptions,
): Promise<void> {
  const input = JSON.stringify({
    ServerURL: checkServer(server),
    Username: credential.username,
    Secret: credential.secret,
  });
  const { code, output } = await run(helper, "store", input, options);
  if (code !== 0) throw failed(helper, "store", output);
}

/**
 * Makes a helper forget a server. That it knew none is no failure.
 *
 * @throws GantryError CREDENTIALS_INVALID
 */
export async function helperErase(helper: string, server: string, options: HelperOptions): Promise<void> {
  const { code, output } = await run(helper, "erase", checkServer(server), options);
  if (code !== 0 && !/not found|no such/i.test(output)) throw failed(helper, "erase", output);
}

/** The protocol has one server a line: a line break would ask for another's credentials (threats.md row 83, CVE-2020-11008). */
function checkServer(server: string): string {
  if (!/[\n\r\0]/.test(server)) return server;
  throw new GantryError("CREDENTIALS_INVALID", "a host with a line break in its name is asked for");
}

async function run(
  helper: string,
  verb: string,
  input: string,
  options: HelperOptions,
): Promise<{ code: number; output: string }> {
  const path = await locate(helper, options.env["PATH"] ?? "");
  const timeout = options.timeout ?? DEFAULT_TIMEOUT;
  return new Promise((resolve, reject) => {
    // stderr is the helper's own conversation with the user and never read: it may hold anything.
    const child: ChildProcess = spawn(path, [verb], {
      env: { ...options.env },
      stdio: ["pipe", "pipe", "ignore"],
      shell: false,
    });
    const chunks: Buffer[] = [];
    let length = 0;
    const stop = (why: string): void => {
      child.kill("SIGKILL");
      child.stdout?.destroy();
      reject(new GantryError("CREDENTIALS_INVALID", `the credential helper docker-credential-${helper} ${why}`));
    };
    const timer = setTimeout(() => stop(`did not answer within ${timeout / 1000} s`), timeout);
    child.stdout?.on("data", (chunk: Buffer) => {
      length += chunk.byteLength;
      if (length > OUTPUT_LIMIT) stop("answers without an end");
      else chunks.push(chunk);
    });
    child.on("error", (cause) => {
      clearTimeout(timer);
      reject(
        new GantryError("CREDENTIALS_INVALID", `the credential helper docker-credential-${helper} cannot be run`, {
          where: path,
          cause,
        }),
      );
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString("utf8").trim() });
    });
    // A helper that does not read its input breaks the pipe; its exit code says the rest.
    child.stdin?.on("error", () => {});
    child.stdin?.end(`${input}\n`);
  });
}

/** Finds a helper on the path itself: an entry that is not absolute would take it from the current directory (threats.md row 82). */
async function locate(helper: string, path: string): Promise<string> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) {
    throw new GantryError(
      "CREDENTIALS_INVALID",
      `"${escapeControls(helper.slice(0, 100))}" is no name of a credential helper`,
    );
  }
  const file = `docker-credential-${helper}${process.platform === "win32" ? ".exe" : ""}`;
  for (const folder of path.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const candidate = join(folder, file);
    const runs = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return candidate;
  }
  throw new GantryError("CREDENTIALS_INVALID", `the credential helper ${file} is not there`, {
    hint: "Install it, or take its name out of the file of credentials.",
    facts: { helper: file },
  });
}

function failed(helper: string, verb: string, output: string): GantryError {
  const said = output === "" ? "" : `: ${escapeControls(output.slice(0, 200))}`;
  // What it says to `get` might be an answer after all, with a secret in it.
  return new GantryError(
    "CREDENTIALS_INVALID",
    `the credential helper docker-credential-${helper} failed to ${verb}${/secret/i.test(said) ? "" : said}`,
  );
}
