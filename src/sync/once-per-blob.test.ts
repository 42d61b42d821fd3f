import { describe, expect, it } from "vitest";
import { memoryStore, type Store, type Writer } from "../content/index.js";
import { bytesBody, digestOf } from "../streams/index.js";
import { oncePerBlob } from "./once-per-blob.js";

const bytes = new TextEncoder().encode("a layer");
const layer = { mediaType: "application/octet-stream", digest: digestOf(bytes), size: bytes.byteLength };

/** The memory store, slow, told how often to fail. */
function slowly(failures: number): { store: Store; sent: () => number } {
  const memory = memoryStore();
  const inner = memory.writer;
  let sent = 0;
  const writer: Writer = {
    accepts: inner.accepts,
    putManifest: (...all) => inner.putManifest(...all),
    async putBlob(blob, body, options) {
      sent += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (sent <= failures) throw new Error("broken");
      return inner.putBlob(blob, body, options);
    },
  };
  return { store: Object.assign(Object.create(memory) as Store, { writer }), sent: () => sent };
}

describe("a blob that several images bring", () => {
  it("is sent once", async () => {
    const { store, sent } = slowly(0);
    const once = oncePerBlob(store).writer!;
    const placements = await Promise.all(Array.from({ length: 5 }, () => once.putBlob(layer, bytesBody(bytes))));
    expect(sent()).toBe(1);
    expect(placements.map(({ how }) => how).sort()).toEqual(["present", "present", "present", "present", "uploaded"]);
    expect((await once.putBlob(layer, bytesBody(bytes))).how).toBe("present");
  });

  it("is sent by the next one when the first fails", async () => {
    const { store } = slowly(1);
    const once = oncePerBlob(store).writer!;
    const results = await Promise.allSettled([
      once.putBlob(layer, bytesBody(bytes)),
      once.putBlob(layer, bytesBody(bytes)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
    expect(await store.exists(layer)).toBe(true);
  });

  it("is sent again to a store that says it has it and lies", async () => {
    const { store, sent } = slowly(0);
    const once = oncePerBlob(store).writer!;
    await once.putBlob(layer, bytesBody(bytes));
    await once.putBlob(layer, bytesBody(bytes), { present: "ignore" });
    expect(sent()).toBe(2);
  });
});
