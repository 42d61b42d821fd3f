import type { SecureContext } from "node:tls";
import { GantryError } from "../errors.js";
import { loadCertDirs } from "./credentials/certs-d.js";
import type { HostConfig } from "./host.js";

/** What a TLS connection is made with. */
export interface TlsOptions {
  readonly secureContext?: SecureContext;
  readonly rejectUnauthorized: boolean;
}

/**
 * What TLS connections on behalf of a host are made with. `own`: to the host itself, with its client certificates, and
 * unverified when the user said so for it. Not `own`: storage and token services elsewhere; they get no client
 * certificate and are always verified (threats.md row 10, CVE-2019-10214), the host's authorities being trusted too.
 *
 * @throws GantryError CONFIG_FILE_INVALID for what is no certificate
 */
export async function tlsOptions(host: HostConfig, own: boolean): Promise<TlsOptions> {
  const dirs = await loadCertDirs(host.name, host.certDirs ?? []);
  const authorities = [...(host.ca ?? []), ...dirs.ca];
  const pairs = own ? [...(host.clientCertificates ?? []), ...dirs.clientCertificates] : [];
  const rejectUnauthorized = !(own && host.tls === "skip");
  if (authorities.length === 0 && pairs.length === 0) return { rejectUnauthorized };
  const { createSecureContext } = await import("node:tls");
  try {
    // Without `ca` a context has Node's own roots and those of NODE_EXTRA_CA_CERTS; with it, it would have only these.
    const secureContext = createSecureContext(
      pairs.length === 0
        ? {}
        : { cert: pairs.map((pair) => text(pair.cert)), key: pairs.map((pair) => text(pair.key)) },
    );
    for (const pem of authorities) {
      for (const certificate of certificates(text(pem))) addAuthority(secureContext, certificate);
    }
    return { secureContext, rejectUnauthorized };
  } catch (error) {
    throw new GantryError(
      "CONFIG_FILE_INVALID",
      `the certificates for ${host.name} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** The public API can only replace the roots; to add to them is a method of the context that Node keeps since version 0.11. */
function addAuthority(context: SecureContext, pem: string): void {
  (context.context as { addCACert(pem: string): void }).addCACert(pem);
}

function* certificates(pem: string): Generator<string, void, undefined> {
  const found = pem.match(/-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g);
  if (found === null) throw new Error("no PEM certificate in it");
  yield* found;
}

function text(pem: string | Uint8Array): string {
  return typeof pem === "string" ? pem : new TextDecoder().decode(pem);
}
