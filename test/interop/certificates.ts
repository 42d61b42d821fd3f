import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, temporaryFolder } from "./processes.js";

/** A certificate authority of our own and what it signed, as files: for registries with TLS and for token servers. */
export interface Certificates {
  readonly folder: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  /** For servers that ask for one. */
  readonly client: { readonly certificate: string; readonly key: string };
}

/** Makes an authority, a certificate for localhost and 127.0.0.1, and one for a client. Needs openssl. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = temporaryFolder();
  const at = (name: string): string => join(folder, name);
  const openssl = (args: readonly string[]): Promise<unknown> => run("openssl", args, { cwd: folder });
  const newKey = ["-newkey", "rsa:2048", "-nodes"];
  await openssl([
    "req",
    "-x509",
    ...newKey,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    "-subj",
    "/CN=gantry tests",
  ]);
  writeFileSync(at("server.ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
  writeFileSync(at("client.ext"), "extendedKeyUsage=clientAuth\n");
  for (const [name, subject] of [
    ["server", "/CN=localhost"],
    ["client", "/CN=a client"],
  ] as const) {
    await openssl(["req", ...newKey, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", subject]);
    const by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`];
    await openssl(["x509", "-req", "-in", `${name}.csr`, ...by, "-out", `${name}.pem`]);
  }
  return {
    folder,
    authority: at("ca.pem"),
    certificate: at("server.pem"),
    key: at("server.key"),
    client: { certificate: at("client.pem"), key: at("client.key") },
  };
}

/** The DER bytes of the first certificate of a PEM file, in base64. */
export function derOf(file: string): string {
  const body = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(readFileSync(file, "utf8"))?.[1];
  if (body === undefined) throw new Error(`${file}: no certificate in it`);
  return body.replace(/\s/g, "");
}
