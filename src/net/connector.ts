import type { Socket } from "node:net";
import type { buildConnector } from "undici";

/** What opens connections for undici. */
export type Connector = buildConnector.connector;

/** What a write says when the other side has closed the connection. */
const CLOSED = new Set(["EPIPE", "ECONNRESET"]);

/**
 * Makes a connector's sockets survive a failed write until their read side has told what there is to tell.
 *
 * A server that answers 413 or 503 before it has read an upload closes the connection on it. The answer is in this
 * machine's receive buffer then, but Node destroys a socket at its first failed write, and the answer with it. So a
 * write that fails because the other side has gone is never reported: it stays unfinished, which stops the upload, and
 * the read side brings the answer or the same error (faults.md P13; nodejs/undici#3026 is of this kind).
 */
export function patient(connect: Connector, opened?: () => void): Connector {
  return (options, callback) => {
    connect(options, (...outcome) => {
      const [, socket] = outcome;
      // A failed connection calls back with the error alone, whatever the types say.
      if (socket) {
        opened?.();
        holdFailedWrites(socket);
      }
      callback(...outcome);
    });
  };
}

type Done = (error?: Error | null) => void;

function holdFailedWrites(socket: Socket): void {
  const write = socket._write.bind(socket);
  const writev = socket._writev?.bind(socket);
  const held =
    (done: Done): Done =>
    (error) => {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (!CLOSED.has(code) || socket.destroyed || socket.readableEnded) done(error);
    };
  socket._write = (chunk: unknown, encoding, done) => write(chunk, encoding, held(done));
  if (writev !== undefined) socket._writev = (chunks, done) => writev(chunks, held(done));
}
