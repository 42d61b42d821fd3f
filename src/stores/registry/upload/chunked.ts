import { GantryError } from "../../../errors.js";
import type { UploadStrategy } from "./strategy.js";

/**
 * Where a broken request has been seen to lose its session, a large blob goes in pieces of this size: a registry that
 * keeps what it has acknowledged then keeps most of it.
 */
const CAREFUL_STEP = 32 * 1024 * 1024;
const CAREFUL_FROM = 64 * 1024 * 1024;

/**
 * PATCH by PATCH from the first byte that the registry lacks, then an empty PUT: for registries that limit a request,
 * and for going on after a break. A chunk is as large as it may be; where nothing limits it, it is all that is missing.
 */
export const chunked: UploadStrategy = {
  name: "chunked",
  fits: (source) => source.isPromised && source.size !== undefined,
  async send(session, source, { chunkMin, chunkMax, pieceMax, putResumes, rangeLags }, signal) {
    const size = source.size!;
    const careful = putResumes === false && size >= CAREFUL_FROM ? CAREFUL_STEP : size;
    const step = Math.max(chunkMin ?? 1, Math.min(chunkMax ?? careful, pieceMax ?? size));
    while (session.acknowledged < size) {
      const from = session.acknowledged;
      const to = Math.min(size, from + step);
      await session.append(source.slice(from, to), from, true, signal, rangeLags === true);
      // A yes that counts less than it was sent: took it less, or counts it late? The question costs less than the bytes.
      if (session.acknowledged < to) await session.ask(signal);
      if (session.acknowledged <= from || session.acknowledged > size) {
        throw new GantryError(
          "REGISTRY_UNAVAILABLE",
          "the registry took a chunk and counts other bytes than it was sent",
          {
            facts: { sent: from, counted: session.acknowledged },
          },
        );
      }
    }
    source.rewindTo(size);
    const digest = source.digest!;
    await session.commit(digest, size, undefined, signal);
    return digest;
  },
};
