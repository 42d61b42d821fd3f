import { generate } from "selfsigned";

/** A certificate, its key, and the authority that signed it; all PEM. */
export interface TestCertificate {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** An authority made for a test. */
export interface TestAuthority {
  readonly ca: string;
  /** A certificate for a name or an address. Negative days: it has expired. */
  issue(name: string, options?: { readonly days?: number }): Promise<TestCertificate>;
}

const DAY = 24 * 60 * 60 * 1000;

/** Makes an authority, in JavaScript: the tests need nothing but Node. */
export async function testAuthority(): Promise<TestAuthority> {
  const authority = await generate([{ name: "commonName", value: "test authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate: new Date(Date.now() - 3 * DAY),
    notAfterDate: new Date(Date.now() + 3 * DAY),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return {
    ca: authority.cert,
    async issue(name, { days = 1 } = {}) {
      const isAddress = /^[\d.]+$|:/.test(name);
      const leaf = await generate([{ name: "commonName", value: name }], {
        keyType: "ec",
        algorithm: "sha256",
        notBeforeDate: new Date(Date.now() - 2 * DAY),
        notAfterDate: new Date(Date.now() + days * DAY),
        extensions: [
          { name: "basicConstraints", cA: false },
          { name: "extKeyUsage", serverAuth: true, clientAuth: true },
          { name: "subjectAltName", altNames: [isAddress ? { type: 7, ip: name } : { type: 2, value: name }] },
        ],
        ca: { key: authority.private, cert: authority.cert },
      });
      return { ca: authority.cert, cert: leaf.cert, key: leaf.private };
    },
  };
}
