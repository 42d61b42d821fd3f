import type { Socket } from "node:net";
import type { buildConnector } from "undici";

/** What opens connections for undici. */
export type Connector = buildConnector.connector;

/** What a write says when the other side has closed the connection. */
const CLOSED = new Set(["EPIPE", "ECONNRESET"]);

/**
 * Makes a connector's sockets survive a failed write until their read side has told what there is to tell, and an end
 * that comes before the reader has caught up.
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
        holdEnd(socket);
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

/** How soon it is looked again whether the reader has caught up. */
const CATCH_UP = 5;

/**
 * When a server closes the connection while its answer is read more slowly than it came, undici 7 fails an assertion in
 * a listener of the socket, which nobody can catch: the process ends (nodejs/undici#5360; the fix is in 8, which needs
 * Node 22). So the end is told to undici when its parser is no longer paused, and an error or a close, which cannot
 * wait, finds it as if it were not.
 */
function holdEnd(socket: Socket): void {
  const on = socket.on.bind(socket);
  const add = (event: string, listener: Listener): Socket => {
    if (event !== "end" && event !== "error" && event !== "close") return on(event, listener);
    const held = (...args: unknown[]): void => {
      const parser = parserOf(socket);
      if (parser?.paused !== true) return listener.apply(socket, args);
      if (event !== "end") {
        parser.paused = false;
        return listener.apply(socket, args);
      }
      // Else Node closes its own side at once, and with it what was not read yet.
      socket.allowHalfOpen = true;
      const timer = setInterval(() => {
        if (!socket.destroyed && parser.paused === true) return;
        clearInterval(timer);
        if (socket.destroyed) return;
        listener.apply(socket, args);
        if (!socket.destroyed) socket.end();
      }, CATCH_UP);
    };
    // As a listener of once() is: whoever removes the listener means this one.
    return on(event, Object.assign(held, { listener }));
  };
  Object.assign(socket, { on: add, addListener: add });
}

type Listener = (...args: unknown[]) => void;

/** undici's parser of a socket, which it keeps there under a symbol of its own. */
function parserOf(socket: Socket): { paused?: unknown } | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "parser");
  const parser: unknown = key === undefined ? undefined : Reflect.get(socket, key);
  return typeof parser === "object" && parser !== null ? parser : undefined;
}
