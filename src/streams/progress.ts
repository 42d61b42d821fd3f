import type { Body } from "./body.js";

/**
 * A body that tells how far its reader is: the sum of all `count`s is the position after the chunk that was read last.
 * Opened again at an earlier place, it takes back (a negative count) what will be read a second time.
 */
export function counted(body: Body, onBytes: (count: number) => void): Body {
  let position = 0;
  const move = (to: number): void => {
    const count = to - position;
    position = to;
    if (count !== 0) onBytes(count);
  };
  return {
    size: body.size,
    async *open({ start = 0, signal } = {}) {
      move(start);
      let at = start;
      for await (const chunk of body.open({ start, signal })) {
        yield chunk;
        at += chunk.byteLength;
        move(at);
      }
    },
  };
}
