import type { UploadStrategy } from "./strategy.js";

/**
 * Where a broken PUT has been seen to lose its session, a blob from this size on goes as PATCH and PUT: one request more,
 * for a better chance to be continued.
 */
const RESUMABLE_FROM = 4 * 1024 * 1024;

/** The whole blob in the closing PUT: two requests a blob, and every registry takes it. */
export const monolithic: UploadStrategy = {
  name: "monolithic",
  fits: (source, session, { chunks, chunkMax, putResumes }) =>
    source.isPromised &&
    source.size !== undefined &&
    session.acknowledged === 0 &&
    (chunks === false ||
      ((source.size < RESUMABLE_FROM || putResumes !== false) && (chunkMax === undefined || source.size <= chunkMax))),
  async send(session, source, _traits, signal) {
    const digest = source.digest!;
    await session.commit(digest, source.size!, source.slice(0), signal);
    return digest;
  },
};
