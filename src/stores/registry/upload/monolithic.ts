import type { UploadStrategy } from "./strategy.js";

/** The whole blob in the closing PUT: two requests a blob, and every registry takes it. */
export const monolithic: UploadStrategy = {
  name: "monolithic",
  fits: (source, session, { chunkMax }) =>
    source.isPromised &&
    source.size !== undefined &&
    session.acknowledged === 0 &&
    (chunkMax === undefined || source.size <= chunkMax),
  async send(session, source, _traits, signal) {
    const digest = source.digest!;
    await session.commit(digest, source.size!, source.slice(0), signal);
    return digest;
  },
};
