import { GantryError } from "../errors.js";

/** A content address: `sha256:` or `sha512:` and lower-case hex of full length (image-spec 1.1, descriptor.md, "Digests"). */
export type Digest = string & { readonly [digestBrand]: true };
declare const digestBrand: unique symbol;

/** The algorithms that gantry can compute. */
export type DigestAlgorithm = "sha256" | "sha512";

const HEX_LENGTH: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };

/** True when `text` is a digest that gantry can verify. */
export function isDigest(text: string): text is Digest {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

/**
 * Reads a digest. Whatever comes from outside passes here before it becomes part of a path or a URL
 * (CVE-2024-3727: `sha256:../../x` reached both).
 *
 * @throws GantryError DIGEST_INVALID
 */
export function parseDigest(text: string, where?: string): Digest {
  if (isDigest(text)) return text;
  throw new GantryError("DIGEST_INVALID", `invalid digest ${JSON.stringify(text.slice(0, 160))}`, {
    where,
    hint: "A digest is sha256: and 64 lower-case hex digits, or sha512: and 128.",
  });
}

/** The algorithm of a digest. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha512:") ? "sha512" : "sha256";
}

/** The hex part of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** Puts an algorithm and its hex together; `hex` comes from a hash function, so only its length is checked. */
export function digestFrom(algorithm: DigestAlgorithm, hex: string): Digest {
  if (hex.length !== HEX_LENGTH[algorithm])
    throw new GantryError("DIGEST_INVALID", `invalid ${algorithm} hex of ${hex.length} digits`);
  return `${algorithm}:${hex}` as Digest;
}

/** `sha256:0123456789ab`: what people read. */
export function shortDigest(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":") + 13);
}
