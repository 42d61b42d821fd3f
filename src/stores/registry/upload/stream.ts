import type { UploadStrategy } from "./strategy.js";

/** One PATCH without a length while the bytes are still being made, then a PUT with the digest that they turned out to have. */
export const stream: UploadStrategy = {
  name: "stream",
  fits: (source) => !source.isPromised,
  async send(session, source, _traits, signal) {
    if (source.whole === undefined || session.acknowledged < source.whole.size) {
      await session.append(source.slice(session.acknowledged), session.acknowledged, false, signal);
    }
    const { digest, size } = source.whole!;
    await session.commit(digest, size, undefined, signal);
    return digest;
  },
};
