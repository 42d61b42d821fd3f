import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { GantryError } from "../../errors.js";
import type { ClientCertificate } from "../host.js";

/** What the directories know about a host. */
export interface CertDirs {
  /** Authorities, as PEM. */
  readonly ca: readonly string[];
  readonly clientCertificates: readonly ClientCertificate[];
}

/**
 * The certificates for `host[:port]` in directories of the manner of containers-certs.d(5): `DIR/host:port/*.crt` are
 * authorities, `*.cert` with the `*.key` of the same name are client certificates. The first directory that has a
 * folder for the host is used. A directory that holds such files itself, which is what `--cert-dir` names, is used too.
 *
 * @throws GantryError CONFIG_FILE_INVALID when one half of a pair is missing
 */
export async function loadCertDirs(host: string, dirs: readonly string[]): Promise<CertDirs> {
  const ca: string[] = [];
  const clientCertificates: ClientCertificate[] = [];
  let found = false;
  for (const dir of dirs) {
    await load(dir);
    if (!found && !/[/\\]|^\.\.?$/.test(host)) found = await load(join(dir, host));
  }
  return { ca, clientCertificates };

  async function load(folder: string): Promise<boolean> {
    const names = await entries(folder);
    if (names === undefined) return false;
    for (const name of names.sort()) {
      const path = join(folder, name);
      if (name.endsWith(".crt")) ca.push(await readFile(path, "utf8"));
      else if (name.endsWith(".cert")) {
        const key = name.replace(/\.cert$/, ".key");
        if (!names.includes(key)) throw lonely(path, key);
        clientCertificates.push({ cert: await readFile(path, "utf8"), key: await readFile(join(folder, key), "utf8") });
      } else if (name.endsWith(".key")) {
        const cert = name.replace(/\.key$/, ".cert");
        if (!names.includes(cert)) throw lonely(path, cert);
      }
    }
    return true;
  }
}

async function entries(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
    throw error;
  }
}

function lonely(path: string, missing: string): GantryError {
  return new GantryError("CONFIG_FILE_INVALID", `${missing} is missing beside this file`, {
    where: path,
    hint: "A client certificate is a NAME.cert with a NAME.key; an authority is called NAME.crt.",
  });
}
