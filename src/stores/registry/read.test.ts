import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Descriptor, encodeJson, MEDIA_TYPES } from "../../spec/index.js";
import { digestOf, readAll } from "../../streams/index.js";
import { type Script, scripted } from "./scripted-registry.js";

const CONFIG = { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(encodeJson({})), size: 2 };
const DOCUMENT = encodeJson({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config: CONFIG, layers: [] });
const MANIFEST: Descriptor = {
  mediaType: MEDIA_TYPES.ociManifest,
  digest: digestOf(DOCUMENT),
  size: DOCUMENT.byteLength,
};
const HEADERS = {
  "content-type": MANIFEST.mediaType,
  "docker-content-digest": MANIFEST.digest,
  "content-length": String(MANIFEST.size),
};
const JSON_TYPE = { "content-type": "application/json" };
const errors = (code: string, message = "no such thing") => JSON.stringify({ errors: [{ code, message }] });

/** Runs `ask` against a server with this script, and gives what came of it and what was asked. */
async function against<T>(script: Script, ask: (store: ReturnType<Store>) => Promise<T>) {
  await using server = await scripted(script);
  let outcome: unknown;
  try {
    outcome = await ask(server.host.repository("app"));
  } catch (error) {
    outcome = error;
  }
  return { outcome, log: server.log };
}
type Store = Awaited<ReturnType<typeof scripted>>["host"]["repository"];

describe("resolve", () => {
  test("is one HEAD that accepts all four types", async () => {
    let accepted = "";
    const { outcome, log } = await against(
      ({ answer, request }) => {
        accepted = String(request.headers.accept);
        answer(200, HEADERS);
      },
      (store) => store.resolve("1.0"),
    );
    expect(outcome).toEqual(MANIFEST);
    expect(log).toEqual(["HEAD /v2/app/manifests/1.0"]);
    expect(accepted.split(", ")).toHaveLength(4);
  });

  test.each([
    ["no digest", { "content-type": MANIFEST.mediaType, "content-length": String(MANIFEST.size) }, 200],
    ["a type that says nothing", { ...HEADERS, "content-type": "application/json" }, 200],
    ["no such method", {}, 405],
    ["a page of a proxy", { "content-type": "text/html" }, 404],
  ])("reads and hashes the document where HEAD answers with %s", async (_name, headers, status) => {
    const { outcome, log } = await against(
      ({ method, answer, response }) => {
        if (method === "GET") return answer(200, JSON_TYPE, DOCUMENT);
        response.writeHead(status, headers as unknown as Record<string, string>);
        response.end();
      },
      async (store) => {
        const descriptor = await store.resolve("1.0");
        await store.manifest(descriptor);
        return descriptor;
      },
    );
    expect(outcome).toEqual(MANIFEST);
    expect(log).toEqual(["HEAD /v2/app/manifests/1.0", "GET /v2/app/manifests/1.0"]);
  });

  test("of what will be read is one GET for both", async () => {
    const { outcome, log } = await against(
      ({ answer }) => answer(200, HEADERS, DOCUMENT),
      async (store) => store.manifest(await store.resolve("1.0", { willRead: true })),
    );
    expect(outcome).toEqual(DOCUMENT);
    expect(log).toEqual(["GET /v2/app/manifests/1.0"]);
  });

  test("refuses a digest that the bytes do not have", async () => {
    const { outcome } = await against(
      ({ answer }) => answer(200, { ...HEADERS, "docker-content-digest": CONFIG.digest }, DOCUMENT),
      (store) => store.resolve("1.0", { willRead: true }),
    );
    expect(outcome).toMatchObject({ code: "DIGEST_MISMATCH" });
  });

  test("refuses a document that is not what the registry calls it (D31)", async () => {
    const { outcome } = await against(
      ({ answer }) => answer(200, { ...HEADERS, "content-type": MEDIA_TYPES.ociIndex }, DOCUMENT),
      (store) => store.resolve("1.0", { willRead: true }),
    );
    expect(outcome).toMatchObject({ code: "MANIFEST_INVALID" });
  });

  test("of an unknown tag is one request, and says what is there when asked to", async () => {
    const script: Script = ({ path, answer }) =>
      path.includes("tags/list")
        ? answer(200, JSON_TYPE, JSON.stringify({ name: "app", tags: ["1.0", "1.1", "latest"] }))
        : answer(404, JSON_TYPE);
    const plain = await against(script, (store) => store.resolve("1.2"));
    expect(plain.outcome).toMatchObject({ code: "MANIFEST_UNKNOWN" });
    expect(plain.log).toHaveLength(1);
    const helped = await against(script, (store) => store.resolve("1.12", { suggest: true }));
    expect(helped.outcome).toMatchObject({ hint: expect.stringContaining("Did you mean 1.1?") });
  });

  test.each(["../x", "a b", "sha256:../../x", "-x", "x".repeat(129)])("asks nothing for %j", async (name) => {
    const { outcome, log } = await against(
      ({ answer }) => answer(200, HEADERS),
      (store) => store.resolve(name),
    );
    expect(outcome).toMatchObject({ code: expect.stringMatching(/_INVALID$/) });
    expect(log).toEqual([]);
  });
});

describe("a manifest", () => {
  test("that came damaged is fetched afresh once (D06, D07)", async () => {
    const flipped = DOCUMENT.slice();
    flipped[20]! ^= 1;
    for (const bad of [flipped, DOCUMENT.subarray(0, 40)]) {
      const { outcome, log } = await against(
        ({ answer, hits }) => answer(200, { "content-type": MANIFEST.mediaType }, hits === 1 ? bad : DOCUMENT),
        (store) => store.manifest(MANIFEST),
      );
      expect(outcome).toEqual(DOCUMENT);
      expect(log).toHaveLength(2);
    }
  });

  test("that is always damaged is refused, and the message has both digests (D08)", async () => {
    const { outcome, log } = await against(
      ({ answer }) => answer(200, {}, DOCUMENT.toReversed()),
      (store) => store.manifest(MANIFEST),
    );
    expect(outcome).toMatchObject({ code: "DIGEST_MISMATCH", message: expect.stringContaining(MANIFEST.digest) });
    expect(log).toHaveLength(2);
  });

  test("that never ends is left at the limit (D27)", async () => {
    const { outcome } = await against(
      async ({ response }) => {
        response.writeHead(200);
        const block = Buffer.alloc(1024 * 1024, " ");
        let open = true;
        response.once("close", () => (open = false));
        // Newer Nodes call back at once for a connection that is gone: without the pause nobody would hear that it is.
        while (open) await new Promise((done) => response.write(block, () => setImmediate(done)));
      },
      (store) => store.manifest(MANIFEST),
    );
    expect(outcome).toMatchObject({ code: "TOO_LARGE" });
  });

  test("whose connection breaks is read again", async () => {
    const { outcome } = await against(
      ({ answer, hits, response }) => {
        if (hits > 2) return answer(200, HEADERS, DOCUMENT);
        response.writeHead(200, HEADERS);
        response.write(DOCUMENT.subarray(0, 10), () => response.destroy());
      },
      (store) => store.manifest(MANIFEST),
    );
    expect(outcome).toEqual(DOCUMENT);
  });
});

describe("a blob", () => {
  const bytes = randomBytes(1_000_000);
  const blob: Descriptor = { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(bytes), size: bytes.byteLength };
  const read = (store: ReturnType<Store>, start = 0) => readAll(store.blob(blob).open({ start }), 1e9);
  /** Serves ranges, and breaks after `cut(hit)` bytes. */
  const serve = (options: { cut?: (hit: number) => number | undefined; ranges?: boolean; etag?: string } = {}) => {
    const sent = { bytes: 0, ifRange: [] as unknown[] };
    const script: Script = ({ request, response, hits }) => {
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const from = options.ranges === false ? 0 : start;
      if (request.headers.range !== undefined) sent.ifRange.push(request.headers["if-range"]);
      const rest = bytes.subarray(from);
      response.writeHead(from === 0 ? 200 : 206, {
        "content-length": rest.byteLength,
        ...(from === 0 ? {} : { "content-range": `bytes ${from}-${bytes.byteLength - 1}/${bytes.byteLength}` }),
        ...(options.etag === undefined ? {} : { etag: options.etag }),
      });
      const cut = options.cut?.(hits);
      sent.bytes += cut ?? rest.byteLength;
      if (cut === undefined) response.end(rest);
      else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 5));
    };
    return { script, sent };
  };

  test("goes on where it broke, as long as something comes each time (D02, D04)", async () => {
    const { script, sent } = serve({ cut: (hit) => (hit <= 12 ? 64 * 1024 : undefined), etag: '"x"' });
    const { outcome } = await against(script, (store) => read(store));
    expect(Buffer.from(outcome as Uint8Array).equals(bytes)).toBe(true);
    expect(sent.bytes).toBe(bytes.byteLength);
    expect(new Set(sent.ifRange)).toEqual(new Set(['"x"']));
  });

  test("is read from its middle, with and without ranges at the other side", async () => {
    for (const ranges of [true, false]) {
      const { outcome } = await against(serve({ ranges }).script, (store) => read(store, 999_000));
      expect(Buffer.from(outcome as Uint8Array).equals(bytes.subarray(999_000))).toBe(true);
    }
  });

  test("that stops coming is asked for again at once, on another connection (D20, D24)", async () => {
    const { outcome, log } = await against(
      (exchange) => {
        if (exchange.hits > 1) return serve().script(exchange);
        exchange.response.writeHead(200, { "content-length": bytes.byteLength });
        exchange.response.write(bytes.subarray(0, 1000));
      },
      (store) => read(store),
    );
    expect(Buffer.from(outcome as Uint8Array).equals(bytes)).toBe(true);
    expect(log).toHaveLength(2);
  });

  test("whose answer gives up without a byte each time is given up", async () => {
    const { outcome } = await against(serve({ cut: () => 0 }).script, (store) => read(store));
    expect(outcome).toMatchObject({ code: "CONNECTION_FAILED" });
  });

  test("with other bytes fails at its end, and says that another try may help", async () => {
    const { outcome } = await against(
      ({ answer }) => answer(200, {}, bytes.toReversed()),
      (store) => read(store),
    );
    expect(outcome).toMatchObject({ code: "DIGEST_MISMATCH", facts: { retryable: true } });
  });

  test("that is longer, or shorter, than promised fails (D35)", async () => {
    for (const size of [blob.size - 1, blob.size + 1]) {
      const { outcome } = await against(
        (exchange) =>
          exchange.request.headers.range === undefined ? serve().script(exchange) : exchange.answer(416, {}),
        (store) => readAll(store.blob({ ...blob, size }).open(), 1e9),
      );
      expect(outcome).toMatchObject({ code: "SIZE_MISMATCH" });
    }
  });

  test("refuses another range than it asked for", async () => {
    const { outcome } = await against(
      ({ answer }) => answer(206, { "content-range": `bytes 0-9/${bytes.byteLength}` }, bytes.subarray(0, 10)),
      (store) => read(store, 500),
    );
    expect(outcome).toMatchObject({ code: "REGISTRY_PROTOCOL" });
  });

  test("of an HTTP/1.0 server without length arrives (D21)", async () => {
    const { outcome } = await against(
      ({ response }) => {
        response.socket!.write("HTTP/1.0 200 OK\r\n\r\n");
        response.socket!.end(bytes);
      },
      (store) => read(store),
    );
    expect(Buffer.from(outcome as Uint8Array).equals(bytes)).toBe(true);
  });

  test("behind a page of a proxy is not called unknown (D37); an unknown one is", async () => {
    const page = await against(
      ({ response }) => {
        response.writeHead(404, { "content-type": "text/html" });
        response.end("<html><title>Not here</title>\u001b]0;x\u0007</html>");
      },
      (store) => read(store),
    );
    expect(page.outcome).toMatchObject({ code: "NOT_FOUND", message: expect.stringContaining("Not here \\u001b]0;x") });
    expect(page.log).toHaveLength(1);
    const unknown = await against(
      ({ answer }) => answer(404, JSON_TYPE, errors("BLOB_UNKNOWN")),
      (store) => read(store),
    );
    expect(unknown.outcome).toMatchObject({ code: "BLOB_UNKNOWN", registry: { status: 404 } });
  });

  test("that lies elsewhere is asked for there only after the registry has said no, and only over TLS", async () => {
    await using elsewhere = await scripted(({ answer }) => answer(200, {}, bytes));
    const urls = [`http://${elsewhere.address}/layer`, "file:///etc/passwd", "https://user:pw@example.com/x"];
    const { outcome } = await against(
      ({ answer }) => answer(404, JSON_TYPE, errors("BLOB_UNKNOWN")),
      (store) => readAll(store.blob({ ...blob, urls }).open(), 1e9),
    );
    expect(outcome).toMatchObject({ code: "BLOB_UNKNOWN" });
    expect(elsewhere.log).toEqual([]);
  });

  test("exists or not; what is neither is an error", async () => {
    const answers = [200, 404, 403];
    const { outcome } = await against(
      ({ answer }) => answer(answers.shift()!),
      async (store) => {
        expect(await store.exists(blob)).toBe(true);
        expect(await store.exists(blob)).toBe(false);
        return store.exists(blob);
      },
    );
    expect(outcome).toMatchObject({ code: "DENIED" });
  });
});
