import { cutAnswers, hang, pass, refuse, reply, reset, rewrite, withHeaders } from "./actions.js";
import { IMPATIENT } from "./push-rows.js";
import type { Row } from "./row.js";
import type { Action } from "./rules.js";

const MIB = 1024 * 1024;
const MANIFESTS = /\/manifests\//;
const BLOB = /\/blobs\/sha/;
const GET = /GET/;
const HTML = { "content-type": "text/html" };
const PAGE = "<html><body><h1>Bad gateway</h1></body></html>";
const USER = { user: "u", password: "secret-of-the-test" } as const;
const INDEX = "application/vnd.oci.image.index.v1+json";

/** Every answer of a manifest with another text, and no word of its digest: what a registry could serve to a new client. */
const served = (change: (text: string) => string, headers = {}): NonNullable<Row["rules"]> => {
  const act: Action = (exchange) =>
    exchange.pass({
      method: "GET",
      body: (body) => Buffer.from(change(body.toString("utf8"))),
      headers: ({ "docker-content-digest": _digest, etag: _etag, "content-length": _length, ...given }) => ({
        ...given,
        ...headers,
      }),
    });
  // Asked for by its digest the honest bytes would come: a tag is what can be changed.
  return () => [{ path: MANIFESTS, hits: "all", act }];
};

const edit = (change: (manifest: { layers: { digest: string; size: number }[] }) => void): NonNullable<Row["rules"]> =>
  served((text) => {
    const manifest: { layers?: { digest: string; size: number }[] } = JSON.parse(text);
    // A refusal, of a tag with referrers for one, is left as it is.
    if (manifest.layers === undefined) return text;
    change({ layers: manifest.layers });
    return JSON.stringify(manifest);
  });

/** Only the large layer's answers are longer than this. */
const LARGE = 4 * MIB;

/** Faults of a pull, as they were measured for other tools first. */
export const PULL_ROWS: readonly Row[] = [
  { id: "D00", what: "no fault", want: "survive", resent: 1.05 },
  { id: "D01", what: "connection refused for the first 3 s", want: "survive", refuseForMs: 3_000 },
  {
    id: "D02",
    what: "reset after 3 MiB of a 6 MiB blob, once",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: cutAnswers(3 * MIB, "reset", LARGE) }],
  },
  {
    id: "D04",
    what: "reset after 64 KiB of a blob, four times in a row",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: cutAnswers(64 * 1024, "reset", MIB, 4) }],
  },
  {
    id: "D05",
    what: "truncated (FIN) after 3 MiB of a 6 MiB blob, once",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: cutAnswers(3 * MIB, "end", LARGE) }],
  },
  {
    id: "D06",
    what: "consistent short body (Content-Length 3 MiB), once",
    want: "survive",
    resent: 1.8,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: cutAnswers(3 * MIB, "length", LARGE) }],
  },
  {
    id: "D07",
    what: "one flipped bit in a blob, once",
    want: "survive",
    resent: 1.8,
    rules: () => [{ method: GET, path: BLOB, act: pass({ flip: 1000 }) }],
  },
  {
    id: "D08",
    what: "one flipped bit in a blob, always",
    want: "refuse",
    requests: 20,
    code: /DIGEST_MISMATCH/,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: pass({ flip: 10 }) }],
  },
  {
    id: "D09",
    what: "wrong Docker-Content-Digest on the manifest",
    want: "either",
    rules: () => [
      { path: MANIFESTS, hits: "all", act: withHeaders({ "docker-content-digest": `sha256:${"2".repeat(64)}` }) },
    ],
  },
  {
    id: "D10",
    what: "manifest body changed (a space more), header digest kept",
    want: "either",
    rules: () => [{ path: MANIFESTS, hits: "all", act: rewrite((text) => `${text} `) }],
  },
  {
    id: "D11",
    what: "503 once on GET blob",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: GET, path: BLOB, act: reply(503) }],
  },
  {
    id: "D12",
    what: "500 once on the manifest",
    want: "survive",
    rules: () => [{ path: MANIFESTS, act: refuse(500, "UNKNOWN") }],
  },
  {
    id: "D13",
    what: "502 once on GET blob, HTML body",
    want: "survive",
    rules: () => [{ method: GET, path: BLOB, act: reply(502, HTML, PAGE) }],
  },
  {
    id: "D14",
    what: "429 with Retry-After: 2, twice, on GET blob",
    want: "survive",
    rules: () => [
      { method: GET, path: BLOB, hits: [1, 2], act: refuse(429, "TOOMANYREQUESTS", { "retry-after": "2" }) },
    ],
    also: ({ milliseconds }) => (milliseconds < 1_900 ? ["did not wait"] : []),
  },
  {
    id: "D15",
    what: "blobs redirected to another origin (signed URL), credentials in use",
    want: "survive",
    gate: () => ({ ...USER, kind: "bearer" }),
    rules: (proxy) => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path) }),
      },
    ],
  },
  {
    id: "D17",
    what: "signed URL that lives 300 ms, and the body is reset at 3 MiB",
    want: "survive",
    resent: 1.05,
    rules: (proxy) => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path, 300) }),
      },
      {
        at: "elsewhere",
        method: GET,
        hits: "all",
        act: (() => {
          const cut = cutAnswers(3 * MIB, "reset", LARGE);
          return (exchange) => {
            const until = Number(/until=(\d+)/.exec(exchange.path)?.[1]);
            if (until < Date.now()) return exchange.reply(403, { "content-type": "application/xml" }, "<Error/>");
            return cut(exchange);
          };
        })(),
      },
    ],
  },
  {
    id: "D19",
    what: "GET blob hangs for ever before the headers, once",
    want: "survive",
    timeouts: IMPATIENT,
    rules: () => [{ method: GET, path: BLOB, act: hang }],
  },
  {
    id: "D20",
    what: "slow-loris body: 64 bytes a second, once",
    want: "survive",
    timeouts: { slow: { bytes: 8 * 1024, ms: 2_000 } },
    rules: () => [{ method: GET, path: BLOB, act: pass({ drip: { bytes: 64, everyMs: 1_000 } }) }],
  },
  {
    id: "D21",
    what: "the server answers in HTTP/1.0 without length",
    want: "survive",
    rules: () => [{ hits: "all", act: pass({ http10: true }) }],
  },
  {
    id: "D22",
    what: "UTF-8 BOM before the manifest",
    want: "refuse",
    requests: 6,
    rules: served((text) => `\uFEFF${text}`),
  },
  {
    id: "D23",
    what: "CRLF after the manifest, no digest header",
    want: "survive",
    rules: served((text) => `${text}\r\n`),
  },
  {
    id: "D24",
    what: 'duplicate key "layers" (the second one empty) in the manifest',
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: served((text) => text.replace(/}$/, ',"layers":[]}')),
  },
  {
    id: "D25",
    what: 'case-variant key "Layers":[] beside "layers"',
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: served((text) => text.replace(/}$/, ',"Layers":[]}')),
  },
  {
    id: "D26",
    what: "manifest padded to 5 MiB",
    want: "either",
    rules: served((text) => text.padEnd(5 * MIB)),
    down: 12 * MIB,
  },
  {
    id: "D27",
    what: "endless manifest (1 MiB every 5 ms)",
    want: "refuse",
    code: /TOO_LARGE/,
    down: 40 * MIB,
    rules: () => [
      {
        path: MANIFESTS,
        hits: "all",
        act: withHeaders(
          { "content-length": undefined, "docker-content-digest": undefined, "transfer-encoding": "chunked" },
          { endless: true, method: "GET" },
        ),
      },
    ],
  },
  {
    id: "D28",
    what: "manifest of a million nested arrays",
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: served((text) => text.replace(/}$/, `,"x":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`)),
  },
  {
    id: "D29",
    what: "manifest without Content-Type",
    want: "survive",
    rules: () => [{ path: MANIFESTS, hits: "all", act: withHeaders({ "content-type": undefined }) }],
  },
  {
    id: "D31",
    what: "Content-Type says index, mediaType says manifest",
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: served((text) => text, { "content-type": INDEX }),
  },
  {
    id: "D32",
    what: 'manifest that is both index and image ("manifests":[] beside "layers")',
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: served((text) => text.replace(/}$/, ',"manifests":[]}')),
  },
  {
    id: "D33",
    what: 'layer digest "sha256:../../../../tmp/x"',
    want: "refuse",
    code: /MANIFEST_INVALID|DIGEST_INVALID/,
    requests: 4,
    rules: edit(({ layers }) => (layers[0]!.digest = "sha256:../../../../tmp/x")),
  },
  {
    id: "D34",
    what: "layer size negative",
    want: "refuse",
    code: /MANIFEST_INVALID/,
    rules: edit(({ layers }) => (layers[0]!.size = -1)),
  },
  {
    id: "D35",
    what: "layer size too small by one (digest right)",
    want: "refuse",
    code: /SIZE_MISMATCH/,
    rules: edit(({ layers }) => (layers[0]!.size -= 1)),
  },
  {
    id: "D36",
    what: "token dies between requests (said to live 3600 s, lives 250 ms)",
    want: "survive",
    gate: () => ({ ...USER, kind: "bearer", life: 250, says: 3_600 }),
    rules: () => [
      {
        path: MANIFESTS,
        hits: "all",
        act: async (exchange) => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          return exchange.pass();
        },
      },
    ],
  },
  {
    id: "D37",
    what: "404 HTML page for GET blob (a proxy in between)",
    want: "refuse",
    requests: 12,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: reply(404, HTML, PAGE) }],
    also: ({ error }) =>
      error instanceof Error && "code" in error && error.code === "BLOB_UNKNOWN"
        ? ["called it a blob that is unknown"]
        : [],
  },
  {
    id: "D38",
    what: "20 % of all requests get 503",
    want: "survive",
    seed: 38,
    rules: () => [{ hits: { chance: 0.2 }, act: reply(503) }],
  },
  {
    id: "D39",
    what: "10 % of all requests are reset",
    want: "survive",
    seed: 39,
    rules: () => [{ hits: { chance: 0.1 }, act: reset }],
  },
  {
    id: "D40",
    what: "redirect loop on GET blob",
    want: "refuse",
    requests: 60,
    code: /REGISTRY_PROTOCOL/,
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) =>
          exchange.reply(307, { location: `${exchange.path}${exchange.path.includes("?") ? "" : "?"}x` }),
      },
    ],
  },
];

const tagsPage =
  (count: number): Action =>
  (exchange) =>
    exchange.reply(
      200,
      { "content-type": "application/json" },
      JSON.stringify({
        name: "x",
        tags: Array.from({ length: count }, (_, at) => `tag-${String(at).padStart(7, "0")}`),
      }),
    );

/** Faults of a list of tags. */
export const LIST_ROWS: readonly Row[] = [
  {
    id: "T01",
    what: "tag list of 100 000 in one page",
    want: "survive",
    rules: () => [{ path: /tags\/list/, hits: "all", act: tagsPage(100_000) }],
  },
  {
    id: "T02",
    what: "tag list of 2 000 000 in one page (38 MB)",
    want: "survive",
    rules: () => [{ path: /tags\/list/, hits: "all", act: tagsPage(2_000_000) }],
  },
  {
    id: "T03",
    what: "pagination loop (next = this page)",
    want: "refuse",
    requests: 5,
    deadline: 20_000,
    code: /REGISTRY_PROTOCOL/,
    rules: () => [
      {
        path: /tags\/list/,
        hits: "all",
        act: (exchange) =>
          exchange.reply(
            200,
            {
              "content-type": "application/json",
              link: `<${exchange.path.replace(/\?.*/, "")}?n=2&last=b>; rel="next"`,
            },
            '{"name":"x","tags":["a","b"]}',
          ),
      },
    ],
  },
];
