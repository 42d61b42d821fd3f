import { GantryError } from "../../../errors.js";
import type { UploadStrategy } from "./strategy.js";

/**
 * PATCH by PATCH from the first byte that the registry lacks, then an empty PUT: for registries that limit a request,
 * and for going on after a break. A chunk is as large as it may be; where nothing limits it, it is all that is missing.
 */
export const chunked: UploadStrategy = {
  name: "chunked",
  fits: (source) => source.isPromised && source.size !== undefined,
  async send(session, source, { chunkMin, chunkMax }, signal) {
    const size = source.size!;
    const step = Math.max(chunkMin ?? 1, chunkMax ?? size);
    while (session.acknowledged < size) {
      const from = session.acknowledged;
      await session.append(source.slice(from, Math.min(size, from + step)), from, true, signal);
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
