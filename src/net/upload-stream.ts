import { setImmediate as turn } from "node:timers/promises";
import type { Pace } from "./pace.js";
import type { HttpRequest } from "./transport.js";

/** The most that is handed to the socket at once: progress is seen, and stalls are judged, in these steps. */
const STEP = 128 * 1024;

/** A request's body on its way. */
export interface UploadStream {
  readonly body: AsyncIterable<Uint8Array>;
  /** What the source threw, if it did: the reader of a file failed, not the connection. */
  failure(): unknown;
}

/**
 * Opens a request's body for one sending. The wait for the source is not the other side's; the wait for the socket is;
 * and when all is out, the wait for the answer begins. Undefined where there is nothing to send.
 */
export function upload(
  request: HttpRequest,
  pace: Pace,
  signal: AbortSignal,
  answerWithin: number,
): UploadStream | undefined {
  const { body, onSent } = request;
  if (body === undefined || body.size === 0) return undefined;
  let failure: unknown;
  return { body: send(), failure: () => failure };

  async function* send(): AsyncGenerator<Uint8Array, void, undefined> {
    pace.end();
    const source = body!.open({ signal })[Symbol.asyncIterator]();
    let done = false;
    try {
      for (;;) {
        const next = await source.next().catch((error: unknown) => {
          done = true;
          failure = error;
          throw error;
        });
        if (next.done === true) {
          done = true;
          break;
        }
        for (let at = 0; at < next.value.byteLength; at += STEP) {
          const step = next.value.subarray(at, at + STEP);
          pace.begin("sending");
          yield step;
          pace.end(step.byteLength);
          onSent?.(step.byteLength);
          // A turn of the event loop between writes: an answer that is already there (413, 503) is read before the
          // next write can fail with EPIPE and take the answer with it (faults.md P13).
          await turn();
        }
      }
    } finally {
      if (!done) await source.return?.();
    }
    pace.begin("answer", answerWithin);
  }
}
