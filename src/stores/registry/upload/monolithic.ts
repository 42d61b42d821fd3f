import type { UploadStrategy } from "./strategy.js";

/**
 * From this size on a blob goes as PATCH and PUT, one request more, for a broken connection is then continued: what a
 * broken PATCH brought is kept by distribution 3, what a broken closing PUT brought is thrown away with its session. Below it, sending again is cheaper than asking.
 */
const RESUMABLE_FROM = 4 * 1024 * 1024;

/** The whole blob in the closing PUT: two requests a blob, and every registry takes it. */
export const monolithic: UploadStrategy = {
  name: "monolithic",
  fits: (source, session, { chunks, chunkMax }) =>
    source.isPromised &&
    source.size !== undefined &&
    session.acknowledged === 0 &&
    (chunks === false || (source.size < RESUMABLE_FROM && (chunkMax === undefined || source.size <= chunkMax))),
  async send(session, source, _traits, signal) {
    const digest = source.digest!;
    await session.commit(digest, source.size!, source.slice(0), signal);
    return digest;
  },
};
