import { cutUploads, delay, hang, pass, refuse, reply, replyUnread, reset, withHeaders } from "./actions.js";
import type { Row } from "./row.js";
import type { Action } from "./rules.js";

const MIB = 1024 * 1024;
const UPLOADS = /\/blobs\/uploads\//;
const MANIFESTS = /\/manifests\//;
const BLOB = /\/blobs\/sha/;
const HTML = { "content-type": "text/html" };
const PAGE = "<html><head><title>busy</title></head><body><h1>busy</h1></body></html>";
const USER = { user: "u", password: "secret-of-the-test" } as const;

/** What a faster clock has to see: nothing moves for a second. */
export const IMPATIENT = { headers: 1_500, stall: 1_500 } as const;

/**
 * Faults of a push, as they were measured for other tools first. A blob's bytes may go as PATCH and PUT or as a PUT
 * alone: "the body" means the request that carries them.
 */
export const PUSH_ROWS: readonly Row[] = [
  { id: "P00", what: "no fault", want: "survive", resent: 1.05 },
  { id: "P01", what: "connection refused for the first 3 s", want: "survive", refuseForMs: 3_000 },
  { id: "P02", what: "reset on the first request", want: "survive", rules: () => [{ path: /^\/v2\//, act: reset }] },
  {
    id: "P03",
    what: "reset after 1 MiB of one upload",
    want: "survive",
    resent: 1.05,
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) }],
  },
  {
    id: "P04",
    what: "reset after 1 MiB of three uploads",
    want: "survive",
    resent: 1.05,
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 3) }],
  },
  {
    id: "P05",
    what: "reset after 1 MiB of every upload larger than that",
    // It gets on by a mebibyte each time, so it may arrive.
    want: "either",
    resent: 1.05,
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB) }],
  },
  {
    id: "P05b",
    what: "reset after 64 KiB of every upload, nothing of which is kept",
    want: "refuse",
    requests: 170,
    rules: () => [
      {
        path: UPLOADS,
        withBody: true,
        hits: "all",
        act: async (exchange) => {
          for await (const chunk of exchange.request) {
            exchange.record.up += (chunk as Buffer).byteLength;
            if (exchange.record.up >= 64 * 1024) return exchange.reset();
          }
          return exchange.reset();
        },
      },
    ],
  },
  {
    id: "P06",
    what: "answer to an upload's PATCH lost",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: /PATCH/, withBody: true, act: pass({ loseAnswer: true }) }],
  },
  {
    id: "P07",
    what: "answer to the closing PUT of a blob lost",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: /PUT/, path: UPLOADS, act: pass({ loseAnswer: true }) }],
  },
  {
    id: "P08",
    what: "answer to PUT manifest lost",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: /PUT/, path: MANIFESTS, act: pass({ loseAnswer: true }) }],
  },
  {
    id: "P09",
    what: "503 once on the first request",
    want: "survive",
    rules: () => [{ path: /^\/v2\//, act: reply(503) }],
  },
  {
    id: "P10",
    what: "503 once on HEAD blob",
    want: "survive",
    rules: () => [{ method: /HEAD/, path: BLOB, act: reply(503) }],
  },
  {
    id: "P11",
    what: "500 once on POST uploads",
    want: "survive",
    rules: () => [{ method: /POST/, path: UPLOADS, act: refuse(500, "UNKNOWN") }],
  },
  {
    id: "P12",
    what: "503 once on an upload, after its body was read",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, act: reply(503, HTML, PAGE) }],
    // The body was thrown away by a server: nothing can be saved, but nothing else may be sent again.
    resent: 1.8,
  },
  {
    id: "P13",
    what: "503 once on an upload, answered before the body is read",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, act: replyUnread(503, HTML, PAGE) }],
    resent: 1.8,
  },
  {
    id: "P14",
    what: "503 once on the closing PUT of a blob",
    want: "survive",
    rules: () => [{ method: /PUT/, path: UPLOADS, act: reply(503) }],
  },
  {
    id: "P15",
    what: "504 once on PUT manifest, HTML body",
    want: "survive",
    rules: () => [{ method: /PUT/, path: MANIFESTS, act: reply(504, HTML, PAGE) }],
  },
  {
    id: "P16",
    what: "429 with Retry-After: 2, twice, on POST uploads",
    want: "survive",
    rules: () => [
      { method: /POST/, path: UPLOADS, hits: [1, 2], act: refuse(429, "TOOMANYREQUESTS", { "retry-after": "2" }) },
    ],
    also: ({ milliseconds }) => (milliseconds < 1_900 ? ["did not wait"] : []),
  },
  {
    id: "P17",
    what: "429 with Retry-After: 2 once on an upload's body",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, act: refuse(429, "TOOMANYREQUESTS", { "retry-after": "2" }) }],
    also: ({ milliseconds }) => (milliseconds < 1_900 ? ["did not wait"] : []),
  },
  {
    id: "P18",
    what: "429 with a Retry-After of a date 3 s ahead, once on PUT manifest",
    want: "survive",
    rules: () => [
      {
        method: /PUT/,
        path: MANIFESTS,
        act: (exchange) => exchange.reply(429, { "retry-after": new Date(Date.now() + 3_000).toUTCString() }),
      },
    ],
    also: ({ milliseconds }) => (milliseconds < 1_900 ? ["did not wait"] : []),
  },
  {
    id: "P19",
    what: "bearer token dies during the upload (told truthfully, but checked at the end)",
    want: "either",
    gate: () => ({ ...USER, kind: "bearer", life: 1_000, says: 1, checked: "end" }),
    rules: () => [],
  },
  {
    id: "P20",
    what: "bearer token dies between requests (said to live 3600 s, lives 400 ms)",
    want: "survive",
    gate: () => ({ ...USER, kind: "bearer", life: 400, says: 3_600 }),
    rules: () => [{ method: /POST/, path: UPLOADS, hits: "all", act: delay(250) }],
  },
  {
    id: "P21",
    what: "upload session lost: 404 BLOB_UPLOAD_UNKNOWN once on an upload's body",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, act: refuse(404, "BLOB_UPLOAD_UNKNOWN") }],
  },
  {
    id: "P23",
    what: "416 once on an upload's body",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, act: reply(416, { range: "0-0" }) }],
  },
  {
    id: "P24",
    what: "an upload hangs for ever, once",
    want: "survive",
    timeouts: IMPATIENT,
    rules: () => [{ path: UPLOADS, withBody: true, act: () => undefined }],
  },
  {
    id: "P25",
    what: "the first request hangs for ever, once",
    want: "survive",
    timeouts: IMPATIENT,
    rules: () => [{ path: /^\/v2\//, act: hang }],
  },
  {
    id: "P26",
    what: "wrong Docker-Content-Digest on the blob's 201",
    want: "either",
    rules: () => [
      {
        method: /PUT/,
        path: UPLOADS,
        hits: "all",
        act: withHeaders({ "docker-content-digest": `sha256:${"1".repeat(64)}` }),
      },
    ],
  },
  {
    id: "P27",
    what: "wrong Docker-Content-Digest on the manifest's 201",
    want: "either",
    rules: () => [
      {
        method: /PUT/,
        path: MANIFESTS,
        hits: "all",
        act: withHeaders({ "docker-content-digest": `sha256:${"1".repeat(64)}` }),
      },
    ],
    // The name was moved by the registry before it said what it thinks of the bytes; they are the right ones.
    named: true,
  },
  {
    id: "P28",
    what: "uploads redirected (307) to another origin, credentials in use",
    want: "survive",
    gate: () => ({ ...USER, kind: "basic" }),
    rules: (proxy) => [
      {
        path: UPLOADS,
        withBody: true,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path) }),
      },
    ],
  },
  {
    id: "P30",
    what: "the server answers in HTTP/1.0 without length",
    want: "survive",
    rules: () => [{ hits: "all", act: pass({ http10: true }) }],
  },
  {
    id: "P32",
    what: "403 DENIED on POST (permanent)",
    want: "refuse",
    requests: 12,
    // Blobs of under a mebibyte may be in the POST itself.
    resent: 0.05,
    rules: () => [{ method: /POST/, hits: "all", act: refuse(403, "DENIED") }],
    code: /DENIED/,
  },
  {
    id: "P33",
    what: "413 on an upload (permanent)",
    want: "refuse",
    requests: 20,
    resent: 1,
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: reply(413, HTML, PAGE) }],
  },
  {
    id: "P34",
    what: "20 % of all requests get 503",
    want: "survive",
    seed: 34,
    rules: () => [{ hits: { chance: 0.2 }, act: reply(503) }],
  },
  {
    id: "P35",
    what: "10 % of all requests are reset",
    want: "survive",
    seed: 35,
    rules: () => [{ hits: { chance: 0.1 }, act: reset }],
  },
  {
    id: "P36",
    what: "OCI-Chunk-Min-Length: 16 MiB announced",
    want: "survive",
    rules: () => [
      { method: /POST/, path: UPLOADS, hits: "all", act: withHeaders({ "oci-chunk-min-length": String(16 * MIB) }) },
    ],
  },
  {
    id: "P37",
    what: "bearer realm on another host, which wants Basic credentials",
    want: "refuse",
    gate: ({ elsewhere }) => ({ ...USER, kind: "bearer", realm: () => `${elsewhere}/token` }),
    requests: 10,
    rules: () => [{ at: "elsewhere", hits: "all", act: reply(200, {}, '{"token":"bait"}') }],
  },
  {
    id: "P38",
    what: "POST answers a Location on another host, which wants the registry's token",
    want: "refuse",
    gate: () => ({ ...USER, kind: "bearer" }),
    requests: 40,
    rules: (proxy) => [
      {
        method: /POST/,
        path: UPLOADS,
        hits: "all",
        act: pass({
          headers: (headers) => ({ ...headers, location: `${proxy.elsewhere}${pathOf(headers["location"])}` }),
        }),
      },
      { at: "elsewhere", hits: "all", act: refuse(401, "UNAUTHORIZED", { "www-authenticate": 'Basic realm="bait"' }) },
    ],
  },
  {
    id: "P39",
    what: "a token expires while one upload takes longer than it lives; checked at the start of each request",
    want: "survive",
    gate: () => ({ ...USER, kind: "bearer", life: 2_000, says: 2 }),
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: slowIfLarge(2 * MIB) }],
    // The shortest life that the token specification allows.
    beside: {
      gate: () => ({ ...USER, kind: "bearer", life: 61_000, says: 61 }),
      rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: slowIfLarge((6 * MIB) / 66) }],
      timeouts: {},
      deadline: 120_000,
    },
  },
];

/** The large layer at so many bytes a second; the rest as fast as it goes. */
const slowIfLarge =
  (uploadRate: number): Action =>
  (exchange) =>
    exchange.pass(Number(exchange.request.headers["content-length"] ?? Infinity) > 4 * MIB ? { uploadRate } : {});

/** Path and query of an absolute or relative address. */
export function pathOf(location: unknown): string {
  const url = new URL(String(location), "http://x");
  return `${url.pathname}${url.search}`;
}
