import { createHash, type Hash, hash } from "node:crypto";
import { GantryError } from "../errors.js";
import { algorithmOf, type Digest, type DigestAlgorithm, digestFrom } from "../spec/index.js";

/** The digest of bytes in memory, at once: for documents half again as fast as a {@link Hasher}. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return digestFrom(algorithm, hash(algorithm, bytes, "hex"));
}

/** Counts and hashes what passes by. */
export class Hasher {
  readonly algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #size = 0;
  #digest: Digest | undefined;

  constructor(algorithm: DigestAlgorithm = "sha256") {
    this.algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  /** Bytes seen so far. */
  get size(): number {
    return this.#size;
  }

  /** The digest of all that was seen; nothing can be added after the first call. */
  get digest(): Digest {
    this.#digest ??= digestFrom(this.algorithm, this.#hash.digest("hex"));
    return this.#digest;
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.byteLength;
  }

  /** Passes a stream through, unchanged. */
  async *tap(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      this.update(chunk);
      yield chunk;
    }
  }
}

/** What content has to be. */
export interface Expected {
  readonly digest: Digest;
  readonly size?: number | undefined;
}

/**
 * Passes a whole stream through and throws at its end, or at the first byte too many, when it is not what was
 * promised. Where the size is known the last chunk is passed on only when the digest is right, so a reader that has all the
 * bytes has verified ones even if it does not ask for the end. A reader that stops earlier has verified nothing.
 *
 * @throws GantryError DIGEST_MISMATCH, SIZE_MISMATCH
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  expected: Expected,
  where?: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = new Hasher(algorithmOf(expected.digest));
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    if (expected.size !== undefined && hasher.size + chunk.byteLength > expected.size)
      throw sizeMismatch(expected, hasher.size + chunk.byteLength, where, "at least ");
    hasher.update(chunk);
    if (hasher.size === expected.size) checkHash(hasher, expected, where);
    yield chunk;
  }
  checkHash(hasher, expected, where);
}

/**
 * Checks bytes in memory.
 *
 * @throws GantryError DIGEST_MISMATCH, SIZE_MISMATCH
 */
export function verifyBytes(bytes: Uint8Array, expected: Expected, where?: string): void {
  const hasher = new Hasher(algorithmOf(expected.digest));
  hasher.update(bytes);
  checkHash(hasher, expected, where);
}

/**
 * Checks what a hasher has seen.
 *
 * @throws GantryError DIGEST_MISMATCH, SIZE_MISMATCH
 */
export function checkHash(hasher: Hasher, expected: Expected, where?: string): void {
  if (expected.size !== undefined && hasher.size !== expected.size)
    throw sizeMismatch(expected, hasher.size, where, "");
  if (hasher.digest !== expected.digest) {
    throw new GantryError("DIGEST_MISMATCH", `content is ${hasher.digest} where ${expected.digest} was promised`, {
      where,
      facts: { expected: expected.digest, got: hasher.digest },
    });
  }
}

function sizeMismatch(expected: Expected, got: number, where: string | undefined, how: string): GantryError {
  return new GantryError(
    "SIZE_MISMATCH",
    `content of ${expected.digest} has ${how}${got} bytes where ${expected.size} were promised`,
    {
      where,
      facts: { digest: expected.digest, expected: expected.size ?? -1, got },
    },
  );
}
