import { gzipSync } from "node:zlib";
import { cutAnswers, hang, pass, reply, reset, rewrite, withHeaders } from "./actions.js";
import type { Row } from "./row.js";
import type { Action } from "./rules.js";

const MIB = 1024 * 1024;
const MANIFESTS = /\/manifests\//;
const BLOB = /\/blobs\/sha/;
const GET = /GET/;
const LARGE = 4 * MIB;
const USER = { user: "u", password: "secret-of-the-test" } as const;
const JSON_TYPE = { "content-type": "application/json" };

/** The large layer breaks once in its middle; what is asked for then is answered so. */
const resumed = (act: Action): NonNullable<Row["rules"]> => {
  return () => {
    const cut = cutAnswers(3 * MIB, "reset", LARGE);
    return [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => (exchange.request.headers.range === undefined ? cut : act)(exchange),
      },
    ];
  };
};

/** The same, and only the first resumption is answered so. */
const resumedOnce = (act: Action): NonNullable<Row["rules"]> => {
  return () => {
    const cut = cutAnswers(3 * MIB, "reset", LARGE);
    let done = false;
    return [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => {
          if (exchange.request.headers.range === undefined) return cut(exchange);
          if (done) return exchange.pass();
          done = true;
          return act(exchange);
        },
      },
    ];
  };
};

const withoutRange = (headers: Record<string, unknown>): Record<string, never> => {
  const { range: _range, "if-range": _condition, ...rest } = headers;
  return rest as Record<string, never>;
};

/** Faults of a pull that nobody has measured yet. */
export const BEYOND_PULL_ROWS: readonly Row[] = [
  {
    id: "N101",
    what: "wrong Content-Range on a resumed download",
    want: "survive",
    rules: resumed(withHeaders({ "content-range": "bytes 5-9/10" })),
  },
  {
    id: "N102",
    what: "no Content-Range on a resumed download",
    want: "survive",
    rules: resumed(withHeaders({ "content-range": undefined })),
  },
  {
    id: "N103",
    what: "a resumed download brings less than its Content-Range says",
    want: "survive",
    resent: 1.6,
    rules: resumedOnce(pass({ cut: { after: MIB, by: "length" } })),
  },
  {
    id: "N104",
    what: "200 and the whole blob to a Range",
    want: "survive",
    resent: 1.5,
    rules: resumed(pass({ ask: withoutRange })),
  },
  {
    id: "N105",
    what: "the ETag changes between a download and its resumption",
    want: "survive",
    rules: () => {
      const cut = cutAnswers(3 * MIB, "reset", LARGE);
      let asked = 0;
      return [
        {
          method: GET,
          path: BLOB,
          hits: "all",
          act: (exchange) => {
            asked += 1;
            const condition = exchange.request.headers["if-range"];
            if (condition === undefined) return cut(exchange);
            return exchange.pass({
              ask: withoutRange,
              headers: (headers) => ({ ...headers, etag: `"other-${asked}"` }),
            });
          },
        },
      ];
    },
  },
  {
    id: "N106",
    what: "416 to a resumed download, once",
    want: "survive",
    rules: resumedOnce(reply(416, { "content-range": "bytes */6293518" })),
  },
  { id: "N107", what: "416 to every resumed download", want: "survive", rules: resumed(reply(416)) },
  { id: "N108", what: "400 to a Range", want: "survive", rules: resumed(reply(400)) },
  { id: "N109", what: "501 to a Range", want: "either", requests: 40, rules: resumed(reply(501)) },
  {
    id: "N110",
    what: "a resumed download brings a flipped bit, once",
    want: "survive",
    resent: 2.05,
    rules: resumedOnce(pass({ flip: 4_000 })),
  },
  {
    id: "N111",
    what: "a blob brings more than was promised, once",
    want: "survive",
    resent: 2.05,
    rules: () => [
      { method: GET, path: BLOB, act: pass({ body: (body) => Buffer.concat([body, Buffer.from("more")]) }) },
    ],
  },
  {
    id: "N112",
    what: "a blob brings more than was promised, for ever and without end",
    want: "refuse",
    down: 60 * MIB,
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: withHeaders({ "content-length": undefined, "transfer-encoding": "chunked" }, { endless: true }),
      },
    ],
  },
  {
    id: "N113",
    what: "an empty blob, once",
    want: "survive",
    rules: () => [{ method: GET, path: BLOB, act: pass({ body: () => Buffer.alloc(0) }) }],
  },
  {
    id: "N114",
    what: "an empty blob, always",
    want: "refuse",
    requests: 60,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: pass({ body: () => Buffer.alloc(0) }) }],
  },
  {
    id: "N115",
    what: "an empty manifest, once",
    want: "survive",
    rules: () => [{ method: GET, path: MANIFESTS, act: pass({ body: () => Buffer.alloc(0) }) }],
  },
  {
    id: "N116",
    what: "a manifest that breaks off, once",
    want: "survive",
    rules: () => [{ method: GET, path: MANIFESTS, act: pass({ cut: { after: 100, by: "end" } }) }],
  },
  {
    id: "N117",
    what: "a manifest that is reset, three times",
    want: "survive",
    rules: () => [{ method: GET, path: MANIFESTS, hits: [1, 2, 3], act: pass({ cut: { after: 100, by: "reset" } }) }],
  },
  {
    id: "N118",
    what: "a manifest with a flipped bit, once",
    want: "survive",
    rules: () => [{ method: GET, path: MANIFESTS, act: pass({ flip: 200 }) }],
  },
  {
    id: "N119",
    what: "a manifest that stalls after 100 bytes, once",
    want: "survive",
    timeouts: { stall: 1_000 },
    rules: () => [{ method: GET, path: MANIFESTS, act: pass({ drip: { bytes: 100, everyMs: 30_000 } }) }],
  },
  {
    id: "N120",
    what: "a blob that stalls after 1 MiB, once",
    want: "survive",
    resent: 1.2,
    timeouts: { stall: 1_000 },
    rules: () => [{ method: GET, path: BLOB, act: pass({ drip: { bytes: 100_000, everyMs: 30_000 } }) }],
  },
  {
    id: "N121",
    what: "HEAD of the manifest says nothing but 200",
    want: "survive",
    rules: () => [{ method: /HEAD/, hits: "all", act: reply(200) }],
  },
  {
    id: "N122",
    what: "HEAD of the manifest without Content-Length",
    want: "survive",
    rules: () => [
      {
        method: /HEAD/,
        hits: "all",
        act: withHeaders({ "content-length": undefined, "transfer-encoding": "chunked" }),
      },
    ],
  },
  {
    id: "N123",
    what: "HEAD of the manifest 404 in HTML, GET 200",
    want: "survive",
    rules: () => [{ method: /HEAD/, hits: "all", act: reply(404, { "content-type": "text/html" }, "<html>") }],
  },
  {
    id: "N124",
    what: "HEAD of the manifest 405",
    want: "survive",
    rules: () => [{ method: /HEAD/, hits: "all", act: reply(405) }],
  },
  {
    id: "N125",
    what: "HEAD of the manifest with the digest of something else",
    want: "either",
    requests: 10,
    rules: () => [
      { method: /HEAD/, hits: "all", act: withHeaders({ "docker-content-digest": `sha256:${"3".repeat(64)}` }) },
    ],
  },
  {
    id: "N126",
    what: "HEAD of the manifest with a Content-Length that is too small",
    want: "either",
    requests: 10,
    rules: () => [{ method: /HEAD/, path: MANIFESTS, hits: "all", act: withHeaders({ "content-length": "7" }) }],
  },
  {
    id: "N127",
    what: "blobs redirected (302) to a relative path",
    want: "survive",
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) =>
          exchange.path.includes("moved=1")
            ? exchange.pass({ path: exchange.path.replace("?moved=1", "") })
            : exchange.reply(302, {
                location: `${exchange.path.split("/").at(-1)!}?moved=1`.replace(":", "%3A").replace(/^/, "./"),
              }),
      },
    ],
  },
  {
    id: "N128",
    what: "a signed URL that is dead on arrival (403), once",
    want: "survive",
    gate: () => ({ ...USER, kind: "bearer" }),
    rules: (proxy) => [
      {
        method: GET,
        path: BLOB,
        hits: 1,
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path, -1) }),
      },
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path) }),
      },
    ],
  },
  {
    id: "N129",
    what: "signed URLs that are dead on arrival, all",
    want: "refuse",
    requests: 80,
    rules: (proxy) => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path, -1) }),
      },
    ],
  },
  {
    id: "N130",
    what: "the object store answers 503, twice",
    want: "survive",
    rules: (proxy) => [
      { at: "elsewhere", hits: [1, 2], act: reply(503, {}, "<Error>SlowDown</Error>") },
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: proxy.signed(exchange.path) }),
      },
    ],
  },
  {
    id: "N131",
    what: "the object store asks for credentials",
    want: "refuse",
    gate: () => ({ ...USER, kind: "basic" }),
    requests: 20,
    rules: (proxy) => [
      { at: "elsewhere", hits: "all", act: reply(401, { "www-authenticate": 'Basic realm="store"' }) },
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: `${proxy.elsewhere}${exchange.path}` }),
      },
    ],
  },
  {
    id: "N132",
    what: "redirect there and back again, credentials in use",
    want: "either",
    gate: () => ({ ...USER, kind: "bearer" }),
    requests: 60,
    rules: (proxy) => [
      {
        at: "elsewhere",
        hits: "all",
        act: (exchange) => exchange.reply(307, { location: `${proxy.url}${exchange.path}` }),
      },
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) =>
          exchange.path.includes("back")
            ? exchange.pass()
            : exchange.reply(307, { location: `${proxy.elsewhere}${exchange.path}?back` }),
      },
    ],
  },
  {
    id: "N133",
    what: "blobs redirected to a login page (200, HTML)",
    want: "refuse",
    requests: 80,
    rules: (proxy) => [
      { at: "elsewhere", hits: "all", act: reply(200, { "content-type": "text/html" }, "<html>log in</html>") },
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.reply(302, { location: `${proxy.elsewhere}/login` }),
      },
    ],
  },
  {
    id: "N134",
    what: "redirect to a file: URL",
    want: "refuse",
    requests: 20,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: reply(307, { location: "file:///etc/passwd" }) }],
  },
  {
    id: "N135",
    what: "redirect without Location",
    want: "refuse",
    requests: 20,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: reply(307) }],
  },
  {
    id: "N136",
    what: "Content-Encoding: gzip on the manifest, although identity was asked for",
    want: "either",
    rules: () => [
      {
        method: GET,
        path: MANIFESTS,
        hits: "all",
        act: pass({
          body: (body) => gzipSync(body),
          headers: (headers) => ({ ...headers, "content-encoding": "gzip" }),
        }),
      },
    ],
  },
  {
    id: "N137",
    what: "Content-Encoding: gzip on blobs",
    want: "either",
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: pass({
          body: (body) => gzipSync(body),
          headers: (headers) => ({ ...headers, "content-encoding": "gzip" }),
        }),
      },
    ],
  },
  {
    id: "N138",
    what: "a blob in chunks, with a trailer",
    want: "survive",
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: async (exchange) => {
          exchange.response.setHeader("trailer", "x-checksum");
          exchange.response.once("pipe", () => {});
          exchange.response.addTrailers({ "x-checksum": "1234" });
          await exchange.pass({
            headers: ({ "content-length": _length, ...headers }) => ({
              ...headers,
              trailer: "x-checksum",
              "transfer-encoding": "chunked",
            }),
          });
        },
      },
    ],
  },
  {
    id: "N139",
    what: "broken chunks in a blob, once",
    want: "survive",
    rules: () => [
      {
        method: GET,
        path: BLOB,
        act: (exchange) =>
          exchange.raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nZZZ\r\nwhat\r\n"),
      },
    ],
  },
  {
    id: "N140",
    what: "the same Content-Length twice",
    want: "either",
    requests: 60,
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello"),
      },
    ],
  },
  {
    id: "N141",
    what: "two Content-Lengths that differ",
    want: "refuse",
    requests: 60,
    rules: () => [
      {
        method: GET,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!"),
      },
    ],
  },
  {
    id: "N142",
    what: "what is no HTTP",
    want: "refuse",
    requests: 60,
    rules: () => [{ hits: "all", act: (exchange) => exchange.raw("SSH-2.0-OpenSSH_9.2\r\n") }],
  },
  {
    id: "N143",
    what: "what is no HTTP, once on a blob",
    want: "survive",
    rules: () => [{ method: GET, path: BLOB, act: (exchange) => exchange.raw("garbage\r\n\r\n") }],
  },
  {
    id: "N144",
    what: "206 to a request without Range",
    want: "either",
    requests: 40,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: pass({ status: 206 }) }],
  },
  {
    id: "N145",
    what: "204 to GET blob",
    want: "refuse",
    requests: 60,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: reply(204) }],
  },
  {
    id: "N146",
    what: "304 to GET manifest",
    want: "refuse",
    requests: 60,
    rules: () => [{ method: GET, path: MANIFESTS, hits: "all", act: reply(304) }],
  },
  {
    id: "N147",
    what: "the manifest of another image under the right digest",
    want: "refuse",
    requests: 20,
    rules: () => [
      { method: GET, path: MANIFESTS, hits: "all", act: rewrite((text) => text.replace(/"size":\d+/, '"size":17')) },
    ],
  },
  {
    id: "N148",
    what: "connections die after each answer without a word",
    want: "survive",
    resent: 1.05,
    rules: () => [
      {
        hits: "all",
        act: async (exchange) => {
          exchange.response.once("finish", () => exchange.request.socket.end());
          await exchange.pass();
        },
      },
    ],
  },
  {
    id: "N149",
    what: "every third request hangs",
    want: "survive",
    seed: 149,
    timeouts: { headers: 1_000, stall: 1_000 },
    rules: () => [{ hits: { chance: 0.33 }, act: hang }],
  },
  {
    id: "N150",
    what: "every answer breaks off after 300 KiB",
    want: "survive",
    resent: 1.1,
    deadline: 60_000,
    rules: () => [{ method: GET, path: BLOB, hits: "all", act: pass({ cut: { after: 300 * 1024, by: "end" } }) }],
  },
  {
    id: "N151",
    what: "20 % 503, 10 % reset, 20 % cut, 10 % flipped",
    want: "either",
    seed: 151,
    rules: () => [
      { hits: { chance: 0.2 }, act: reply(503) },
      { hits: { chance: 0.1 }, act: reset },
      { method: GET, path: BLOB, hits: { chance: 0.2 }, act: pass({ cut: { after: 200_000, by: "reset" } }) },
      { method: GET, path: BLOB, hits: { chance: 0.1 }, act: pass({ flip: 50 }) },
    ],
  },
  {
    id: "N152",
    what: "a schema 1 manifest",
    want: "refuse",
    requests: 6,
    code: /UNSUPPORTED/,
    rules: () => [
      {
        path: MANIFESTS,
        hits: "all",
        act: reply(
          200,
          { "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" },
          '{"schemaVersion":1,"fsLayers":[]}',
        ),
      },
    ],
  },
  {
    id: "N153",
    what: "a manifest with a million layers",
    want: "refuse",
    down: 30 * MIB,
    rules: () => [
      {
        path: MANIFESTS,
        hits: "all",
        act: (exchange) =>
          exchange.reply(
            200,
            { "content-type": "application/vnd.oci.image.manifest.v1+json" },
            `{"schemaVersion":2,"layers":[${"{},".repeat(1_000_000)}{}]}`,
          ),
      },
    ],
  },
];

const page =
  (tags: readonly string[] | null, next?: string): Action =>
  (exchange) =>
    exchange.reply(
      200,
      { ...JSON_TYPE, ...(next === undefined ? {} : { link: `<${next}>; rel="next"` }) },
      JSON.stringify({ name: "x", tags }),
    );

const TAGS = /tags\/list/;

/** Faults of a list of tags that nobody has measured yet. */
export const BEYOND_LIST_ROWS: readonly Row[] = [
  {
    id: "N201",
    what: "tags: null",
    want: "survive",
    count: 0,
    rules: () => [{ path: TAGS, hits: "all", act: page(null) }],
  },
  {
    id: "N202",
    what: "a page without tags at all",
    want: "either",
    rules: () => [{ path: TAGS, hits: "all", act: reply(200, JSON_TYPE, '{"name":"x"}') }],
  },
  {
    id: "N203",
    what: "two pages that link to each other",
    want: "refuse",
    requests: 8,
    deadline: 15_000,
    rules: () => [
      { path: /last=b/, hits: "all", act: page(["c"], "/v2/stored/image/tags/list?last=a") },
      { path: TAGS, hits: "all", act: page(["b"], "/v2/stored/image/tags/list?last=b") },
    ],
  },
  {
    id: "N204",
    what: "empty pages that link on for ever, each to another address",
    want: "refuse",
    requests: 20,
    deadline: 15_000,
    rules: () => {
      let at = 0;
      return [
        {
          path: TAGS,
          hits: "all",
          act: (exchange) => page([], `/v2/stored/image/tags/list?at=${(at += 1)}`)(exchange),
        },
      ];
    },
  },
  {
    id: "N205",
    what: "the same page under ever new addresses",
    want: "refuse",
    requests: 20,
    deadline: 15_000,
    rules: () => {
      let at = 0;
      return [
        {
          path: TAGS,
          hits: "all",
          act: (exchange) => page(["a", "b"], `/v2/stored/image/tags/list?at=${(at += 1)}`)(exchange),
        },
      ];
    },
  },
  {
    id: "N206",
    what: "the next page is at another host, credentials in use",
    want: "either",
    gate: () => ({ ...USER, kind: "basic" }),
    requests: 20,
    rules: (proxy) => [
      {
        path: TAGS,
        hits: "all",
        act: (exchange) => page(["a"], `${proxy.elsewhere}/v2/stored/image/tags/list?last=a`)(exchange),
      },
      { at: "elsewhere", hits: "all", act: page(["b"]) },
    ],
  },
  {
    id: "N207",
    what: "503 once on the second page",
    want: "survive",
    count: 4,
    rules: () => [
      { path: /last=b/, hits: 1, act: reply(503) },
      { path: /last=b/, hits: "all", act: page(["c", "d"]) },
      { path: TAGS, hits: "all", act: page(["a", "b"], "/v2/stored/image/tags/list?last=b") },
    ],
  },
  {
    id: "N208",
    what: "a page that breaks off, once",
    want: "survive",
    count: 1_000,
    rules: () => {
      const tags = Array.from({ length: 1_000 }, (_, at) => `tag-${at}`);
      const body = JSON.stringify({ name: "x", tags });
      return [
        {
          path: TAGS,
          hits: 1,
          act: (exchange) =>
            exchange.raw(
              `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 4_000)}`,
            ),
        },
        { path: TAGS, hits: "all", act: reply(200, JSON_TYPE, body) },
      ];
    },
  },
  {
    id: "N209",
    what: "400 to a page size",
    want: "survive",
    count: 2,
    rules: () => [
      { path: /n=/, hits: "all", act: reply(400) },
      { path: TAGS, hits: "all", act: page(["a", "b"]) },
    ],
  },
  {
    id: "N210",
    what: "a tag that is no string",
    want: "refuse",
    requests: 10,
    rules: () => [{ path: TAGS, hits: "all", act: reply(200, JSON_TYPE, '{"tags":["a",7]}') }],
  },
  {
    id: "N211",
    what: "a tag list that nests for ever",
    want: "refuse",
    requests: 10,
    rules: () => [
      { path: TAGS, hits: "all", act: (exchange) => exchange.reply(200, JSON_TYPE, `{"x":${"[".repeat(2_000_000)}`) },
    ],
  },
  {
    id: "N212",
    what: "a tag of endless length",
    want: "refuse",
    requests: 10,
    deadline: 15_000,
    rules: () => [
      {
        path: TAGS,
        hits: "all",
        act: (exchange) => {
          exchange.response.writeHead(200, JSON_TYPE);
          exchange.response.write('{"tags":["');
          const timer = setInterval(() => {
            exchange.record.down += 100_000;
            exchange.response.write("a".repeat(100_000));
          }, 5);
          exchange.response.once("close", () => clearInterval(timer));
        },
      },
    ],
    down: 20 * MIB,
  },
  {
    id: "N213",
    what: "a Link that is no link",
    want: "either",
    requests: 10,
    rules: () => [
      { path: TAGS, hits: "all", act: reply(200, { ...JSON_TYPE, link: '<<>>;;rel="next' }, '{"tags":["a"]}') },
    ],
  },
  {
    id: "N214",
    what: "a Link with an ascending last, relative to the directory",
    want: "survive",
    count: 2,
    rules: () => [
      { path: /last=a/, hits: "all", act: page(["b"]) },
      { path: TAGS, hits: "all", act: page(["a"], "list?last=a") },
    ],
  },
];
