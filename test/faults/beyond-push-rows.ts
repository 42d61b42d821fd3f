import {
  checksBlobs,
  cutUploads,
  delay,
  hang,
  pass,
  refuse,
  replyUnread,
  reply,
  reset,
  withHeaders,
} from "./actions.js";
import { pathOf } from "./push-rows.js";
import type { Row } from "./row.js";
import type { Action } from "./rules.js";

const MIB = 1024 * 1024;
const UPLOADS = /\/blobs\/uploads\//;
const MANIFESTS = /\/manifests\//;
const BLOB = /\/blobs\/sha/;
const TOKEN = /^\/token/;
const USER = { user: "u", password: "secret-of-the-test" } as const;
const JSON_TYPE = { "content-type": "application/json" };
const bearer = (): NonNullable<ReturnType<NonNullable<Row["gate"]>>> => ({ ...USER, kind: "bearer" });

/** HEAD says of the two large layers that they are there. */
const LYING_HEAD: Action = (exchange) =>
  exchange.reply(200, { "content-length": 2 * MIB, "content-type": "application/octet-stream" });

/** Every answer ends its connection, but does not say so. */
const closesSilently: Action = async (exchange) => {
  exchange.response.once("finish", () => exchange.request.socket.end());
  await exchange.pass();
};

/** Faults of a push that nobody has measured yet. */
export const BEYOND_PUSH_ROWS: readonly Row[] = [
  {
    id: "N01",
    what: "upload Locations are relative, without a leading slash",
    want: "survive",
    rules: () => [
      {
        path: UPLOADS,
        hits: "all",
        act: (exchange) =>
          exchange.pass({
            headers: (headers) =>
              headers["location"] === undefined || exchange.request.method === "PUT"
                ? headers
                : {
                    ...headers,
                    // Relative to …/blobs/uploads/ and to …/blobs/uploads/ID alike.
                    location: pathOf(headers["location"]).replace(/^.*\/uploads\//, ""),
                  },
          }),
      },
    ],
  },
  {
    id: "N02",
    what: "upload Locations carry a query that has to come back as it is",
    want: "survive",
    rules: () => [
      {
        path: UPLOADS,
        hits: "all",
        act: (exchange) => {
          const { method = "" } = exchange.request;
          if (method !== "POST" && !exchange.path.includes("state=a%2Fb+c~%3D")) return exchange.reply(400);
          return exchange.pass({
            path: exchange.path.replace(/[?&]state=a%2Fb\+c~%3D&?/, (found) => (found.endsWith("&") ? "?" : "")),
            headers: (headers) =>
              headers["location"] === undefined
                ? headers
                : { ...headers, location: `${pathOf(headers["location"])}?state=a%2Fb+c~%3D` },
          });
        },
      },
    ],
  },
  {
    id: "N03",
    what: "after a break the session counts more than was sent",
    want: "survive",
    rules: () => [
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
      { method: /GET/, path: UPLOADS, hits: "all", act: withHeaders({ range: "0-99999999" }) },
    ],
  },
  {
    id: "N04",
    what: "no Range on any answer of a session",
    want: "survive",
    rules: () => [
      { path: UPLOADS, withBody: true, hits: [1], act: withHeaders({ range: undefined }, { loseAnswer: true }) },
      { path: UPLOADS, hits: "all", act: withHeaders({ range: undefined }) },
    ],
  },
  {
    id: "N05",
    what: "201 to PATCH, after a break",
    want: "survive",
    rules: () => [
      { method: /PATCH/, hits: { from: 2 }, act: pass({ status: 201 }) },
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
    ],
  },
  {
    id: "N06",
    what: "413 on an upload, and 500 on the DELETE of its session",
    want: "refuse",
    requests: 30,
    resent: 1,
    rules: () => [
      { method: /DELETE/, hits: "all", act: refuse(500, "UNKNOWN") },
      { path: UPLOADS, withBody: true, hits: "all", act: reply(413) },
    ],
  },
  {
    id: "N07",
    what: "413 on an upload, and the DELETE of its session hangs",
    want: "refuse",
    deadline: 8_000,
    rules: () => [
      { method: /DELETE/, hits: "all", act: hang },
      { path: UPLOADS, withBody: true, hits: "all", act: reply(413) },
    ],
  },
  {
    id: "N08",
    what: "HEAD says of blobs that they are there, and they are not; the registry names them at the end",
    want: "survive",
    resent: 1.05,
    requests: 40,
    rules: () => [
      { method: /HEAD/, path: BLOB, hits: "all", act: LYING_HEAD },
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(true) },
    ],
  },
  {
    id: "N09",
    what: "the same, and the registry does not say which are missing",
    want: "survive",
    resent: 1.05,
    requests: 40,
    rules: () => [
      { method: /HEAD/, path: BLOB, hits: "all", act: LYING_HEAD },
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(false) },
    ],
  },
  {
    id: "N10",
    what: "the same, told as 400 BLOB_UNKNOWN",
    want: "survive",
    resent: 1.05,
    rules: () => [
      { method: /HEAD/, path: BLOB, hits: "all", act: LYING_HEAD },
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(true, 400, "BLOB_UNKNOWN") },
    ],
  },
  {
    id: "N11",
    what: "a manifest whose blobs are unknown for ever",
    want: "refuse",
    requests: 60,
    resent: 2.05,
    rules: () => [{ method: /PUT/, path: MANIFESTS, hits: "all", act: refuse(404, "MANIFEST_BLOB_UNKNOWN") }],
  },
  {
    id: "N12",
    what: "an upload is acknowledged and forgotten",
    want: "survive",
    resent: 2.05,
    rules: () => [
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(true) },
      {
        method: /PUT/,
        path: UPLOADS,
        act: async (exchange) =>
          exchange.reply(201, {
            location: "/v2/x",
            "docker-content-digest": new URL(exchange.path, "http://x").searchParams.get("digest") ?? "",
          }),
      },
    ],
  },
  {
    id: "N13",
    what: "PUT manifest answers 202",
    want: "survive",
    rules: () => [{ method: /PUT/, path: MANIFESTS, hits: "all", act: pass({ status: 202 }) }],
  },
  {
    id: "N14",
    what: "PUT manifest answers 200 and no headers",
    want: "survive",
    rules: () => [
      {
        method: /PUT/,
        path: MANIFESTS,
        hits: "all",
        act: pass({ status: 200, headers: () => ({ "content-length": 0 }) }),
      },
    ],
  },
  {
    id: "N15",
    what: "PUT blob answers 204",
    want: "survive",
    rules: () => [{ method: /PUT/, path: UPLOADS, hits: "all", act: pass({ status: 204 }) }],
  },
  {
    id: "N16",
    what: "409 once on PUT manifest",
    want: "either",
    requests: 40,
    rules: () => [{ method: /PUT/, path: MANIFESTS, act: refuse(409, "CONFLICT") }],
  },
  {
    id: "N17",
    what: "429 without Retry-After, twice on POST",
    want: "survive",
    rules: () => [{ method: /POST/, hits: [1, 2], act: refuse(429, "TOOMANYREQUESTS") }],
  },
  {
    id: "N18",
    what: "Retry-After that is negative, junk, in the past",
    want: "survive",
    deadline: 15_000,
    rules: () => [
      { method: /POST/, hits: 1, act: reply(503, { "retry-after": "-5" }) },
      { method: /POST/, hits: 2, act: reply(429, { "retry-after": "soon, I hope" }) },
      { method: /POST/, hits: 3, act: reply(503, { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }) },
    ],
  },
  {
    id: "N19",
    what: "429 with Retry-After: 0, for ever",
    want: "refuse",
    requests: 80,
    rules: () => [{ method: /POST/, hits: "all", act: refuse(429, "TOOMANYREQUESTS", { "retry-after": "0" }) }],
  },
  { id: "N20", what: "503 for ever", want: "refuse", requests: 80, rules: () => [{ hits: "all", act: reply(503) }] },
  { id: "N21", what: "reset for ever", want: "refuse", requests: 80, rules: () => [{ hits: "all", act: reset }] },
  {
    id: "N22",
    what: "no answer for ever",
    want: "refuse",
    requests: 80,
    timeouts: { headers: 400, stall: 400 },
    deadline: 30_000,
    rules: () => [{ hits: "all", act: hang }],
  },
  {
    id: "N23",
    what: "401 with another challenge in the middle of an upload",
    want: "survive",
    gate: bearer,
    rules: (proxy) => [
      {
        path: UPLOADS,
        withBody: true,
        act: (exchange) =>
          exchange.reply(
            401,
            {
              ...JSON_TYPE,
              "www-authenticate": `Bearer realm="${proxy.url}/token",service="other",scope="repository:x:push"`,
            },
            '{"errors":[{"code":"UNAUTHORIZED"}]}',
          ),
      },
    ],
  },
  {
    id: "N24",
    what: "401 for ever, whatever the token",
    want: "refuse",
    gate: bearer,
    requests: 30,
    code: /UNAUTHORIZED/,
    rules: (proxy) => [
      {
        path: /^\/v2\//,
        hits: "all",
        act: (exchange) =>
          exchange.reply(401, { "www-authenticate": `Bearer realm="${proxy.url}/token",service="faults"` }),
      },
    ],
  },
  {
    id: "N25",
    what: "the token service answers 500 once",
    want: "survive",
    gate: bearer,
    rules: () => [{ path: TOKEN, act: reply(500) }],
  },
  {
    id: "N26",
    what: "the token service hangs once",
    want: "survive",
    gate: bearer,
    timeouts: { headers: 1_000 },
    rules: () => [{ path: TOKEN, act: hang }],
  },
  {
    id: "N27",
    what: "the token service answers 200 with garbage",
    want: "refuse",
    gate: bearer,
    requests: 20,
    code: /REGISTRY_PROTOCOL/,
    rules: () => [{ path: TOKEN, hits: "all", act: reply(200, JSON_TYPE, "<html>secret-of-the-test</html>") }],
  },
  {
    id: "N28",
    what: "the token service answers 20 MiB",
    want: "refuse",
    gate: bearer,
    requests: 20,
    rules: () => [
      {
        path: TOKEN,
        hits: "all",
        act: (exchange) => exchange.reply(200, JSON_TYPE, `{"token":"${"a".repeat(20 * MIB)}"}`),
      },
    ],
  },
  {
    id: "N29",
    what: "a token with a line break in it",
    want: "refuse",
    gate: bearer,
    requests: 20,
    rules: () => [
      { path: TOKEN, hits: "all", act: reply(200, JSON_TYPE, JSON.stringify({ token: "a\r\nX-Evil: 1" })) },
    ],
  },
  {
    id: "N30",
    what: "429 with Retry-After: 1 from the token service, once",
    want: "survive",
    gate: bearer,
    rules: () => [{ path: TOKEN, act: reply(429, { "retry-after": "1" }) }],
  },
  {
    id: "N31",
    what: "two challenges in one header",
    want: "survive",
    gate: bearer,
    rules: (proxy) => [
      {
        path: /^\/v2\//,
        hits: 1,
        act: (exchange) =>
          exchange.reply(401, {
            "www-authenticate": `Basic realm="a, b=\\"c\\"", Bearer realm="${proxy.url}/token",service="faults",scope="repository:a:pull,push"`,
          }),
      },
    ],
  },
  {
    id: "N32",
    what: "Connection: close on each answer",
    want: "survive",
    rules: () => [{ hits: "all", act: withHeaders({ connection: "close" }) }],
  },
  {
    id: "N33",
    what: "connections are closed after each answer without a word",
    want: "survive",
    resent: 1.05,
    rules: () => [{ hits: "all", act: closesSilently }],
  },
  {
    id: "N34",
    what: "103 Early Hints before each answer",
    want: "survive",
    rules: () => [
      {
        hits: "all",
        act: async (exchange) => {
          exchange.response.writeEarlyHints({ link: "</style.css>; rel=preload" });
          await exchange.pass();
        },
      },
    ],
  },
  {
    id: "N35",
    what: "100 KiB of headers on an answer",
    want: "either",
    deadline: 15_000,
    rules: () => [
      {
        method: /POST/,
        hits: "all",
        act: withHeaders(
          Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`x-flood-${at}`, "y".repeat(1024)])),
        ),
      },
    ],
  },
  {
    id: "N36",
    what: "PUT of a blob redirected (307) within the registry",
    want: "survive",
    rules: () => [
      {
        method: /PUT|PATCH/,
        path: UPLOADS,
        hits: "all",
        act: (exchange) =>
          exchange.path.includes("again=1")
            ? exchange.pass({ path: exchange.path.replace(/[?&]again=1/, "") })
            : exchange.reply(307, { location: `${exchange.path}${exchange.path.includes("?") ? "&" : "?"}again=1` }),
      },
    ],
  },
  {
    id: "N37",
    what: "POST answers a signed Location on another host, credentials in use",
    want: "survive",
    gate: bearer,
    rules: (proxy) => [
      {
        method: /POST/,
        path: UPLOADS,
        hits: "all",
        act: pass({ headers: (headers) => ({ ...headers, location: proxy.signed(pathOf(headers["location"])) }) }),
      },
      // What the registry says there leads on there.
      {
        at: "elsewhere",
        hits: "all",
        act: (exchange) => {
          const path = exchange.path.replace(/[?&]until=\d+&signature=[0-9a-f]+&?/, "?").replace(/\?$/, "");
          return exchange.pass({
            path,
            headers: (headers) =>
              headers["location"] === undefined
                ? headers
                : { ...headers, location: proxy.signed(pathOf(headers["location"])) },
          });
        },
      },
    ],
  },
  {
    id: "N38",
    what: "POST answers 202 without Location",
    want: "refuse",
    requests: 20,
    rules: () => [{ method: /POST/, hits: "all", act: withHeaders({ location: undefined }) }],
  },
  {
    id: "N39",
    what: "POST answers a Location of another scheme",
    want: "refuse",
    requests: 20,
    rules: () => [{ method: /POST/, hits: "all", act: withHeaders({ location: "file:///etc/passwd" }) }],
  },
  {
    id: "N40",
    what: "POST answers a Location with a user name in it",
    want: "refuse",
    requests: 20,
    rules: (proxy) => [
      { method: /POST/, hits: "all", act: withHeaders({ location: `http://root:x@${proxy.host}/v2/x` }) },
    ],
  },
  {
    id: "N41",
    what: "400 DIGEST_INVALID once on a blob's PUT",
    want: "survive",
    rules: () => [{ method: /PUT/, path: UPLOADS, act: refuse(400, "DIGEST_INVALID") }],
    resent: 2.05,
  },
  {
    id: "N42",
    what: "400 MANIFEST_INVALID",
    want: "refuse",
    requests: 30,
    resent: 1.05,
    rules: () => [{ method: /PUT/, path: MANIFESTS, hits: "all", act: refuse(400, "MANIFEST_INVALID") }],
  },
  {
    id: "N43",
    what: "a captive portal: 200 and HTML to everything",
    want: "refuse",
    requests: 40,
    rules: () => [
      { hits: "all", act: reply(200, { "content-type": "text/html" }, "<html>Welcome to our airport</html>") },
    ],
  },
  {
    id: "N44",
    what: "the registry counts only half of a PATCH",
    want: "survive",
    resent: 1.6,
    rules: () => [
      { path: UPLOADS, method: /PUT/, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
      {
        method: /PATCH/,
        withBody: true,
        act: async (exchange) => {
          // Half of it is passed on, all of it is taken.
          let half = 0;
          const total = Number(exchange.request.headers["content-length"]);
          const parts: Buffer[] = [];
          for await (const chunk of exchange.request) {
            const bytes = chunk as Buffer;
            exchange.record.up += bytes.byteLength;
            if (half < total / 2) parts.push(bytes);
            half += bytes.byteLength;
          }
          const kept = Buffer.concat(parts);
          const start = Number(/^(\d+)-/.exec(exchange.request.headers["content-range"] ?? "0-")?.[1]);
          const answer = await fetch(exchange.upstream(exchange.path), {
            method: "PATCH",
            body: new Uint8Array(kept),
            headers: {
              "content-range": `${start}-${start + kept.byteLength - 1}`,
              "content-type": "application/octet-stream",
            },
          });
          exchange.record.status = answer.status;
          exchange.response.writeHead(answer.status, {
            "content-length": 0,
            location: pathOf(answer.headers.get("location")),
            range: answer.headers.get("range") ?? "",
          });
          exchange.response.end();
        },
      },
    ],
  },
  {
    id: "N45",
    what: "an upload is answered 201 before its body was read, connection closed",
    want: "survive",
    deadline: 20_000,
    rules: () => [
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(true) },
      {
        method: /PUT/,
        path: UPLOADS,
        withBody: true,
        act: replyUnread(201, { connection: "close", location: "/v2/x" }),
      },
    ],
  },
  {
    id: "N46",
    what: "the answer to POST is slow for all, half a second",
    want: "survive",
    rules: () => [{ method: /POST/, hits: "all", act: delay(500) }],
  },
  {
    id: "N47",
    what: "404 to the question where a broken upload stands",
    want: "survive",
    rules: () => [
      { method: /GET/, path: UPLOADS, hits: "all", act: refuse(404, "BLOB_UPLOAD_UNKNOWN") },
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
    ],
  },
  {
    id: "N48",
    what: "405 to the question where a broken upload stands",
    want: "survive",
    rules: () => [
      { method: /GET/, path: UPLOADS, hits: "all", act: refuse(405, "UNSUPPORTED") },
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
    ],
  },
  {
    id: "N49",
    what: "PATCH is refused with 405, after a break",
    want: "survive",
    rules: () => [
      { method: /PATCH/, hits: { from: 2 }, act: refuse(405, "UNSUPPORTED") },
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 1) },
    ],
  },
  {
    id: "N50",
    what: "HEAD of blobs answers 405",
    want: "survive",
    resent: 1.05,
    rules: () => [{ method: /HEAD/, hits: "all", act: reply(405) }],
  },
  {
    id: "N51",
    what: "HEAD answers 403 for what is not there (S3 behind it)",
    want: "either",
    rules: () => [{ method: /HEAD/, path: BLOB, hits: "all", act: reply(403) }],
  },
  {
    id: "N52",
    what: "OCI-Chunk-Max-Length: 1 MiB, and 413 for more",
    want: "survive",
    resent: 1.05,
    rules: () => [
      { method: /POST/, path: UPLOADS, hits: "all", act: withHeaders({ "oci-chunk-max-length": String(MIB) }) },
      {
        path: UPLOADS,
        withBody: true,
        hits: "all",
        act: (exchange) =>
          Number(exchange.request.headers["content-length"]) > MIB ? exchange.reply(413) : exchange.pass(),
      },
    ],
  },
  {
    id: "N53",
    what: "the refusal is 30 MiB long",
    want: "refuse",
    down: 45 * MIB,
    requests: 20,
    rules: () => [
      {
        method: /POST/,
        hits: "all",
        act: (exchange) =>
          exchange.reply(403, JSON_TYPE, `{"errors":[{"code":"DENIED","message":"${"x".repeat(10 * MIB)}"}]}`),
      },
    ],
  },
  {
    id: "N54",
    what: "the refusal never ends",
    want: "refuse",
    deadline: 20_000,
    timeouts: { stall: 1_000 },
    rules: () => [
      {
        method: /POST/,
        hits: "all",
        act: (exchange) => {
          exchange.response.writeHead(403, JSON_TYPE);
          exchange.response.write('{"errors":[');
        },
      },
    ],
  },
  {
    id: "N55",
    what: "the registry rewrites the manifest's answer: 201 with an empty digest header",
    want: "either",
    named: true,
    rules: () => [{ method: /PUT/, path: MANIFESTS, hits: "all", act: withHeaders({ "docker-content-digest": "" }) }],
  },
  {
    id: "N56",
    what: "half of all answers are lost after the work is done",
    want: "survive",
    seed: 56,
    rules: () => [{ hits: { chance: 0.3 }, act: pass({ loseAnswer: true }) }],
  },
  {
    id: "N57",
    what: "every fourth answer is cut, every fifth request fails, every eighth is reset",
    want: "survive",
    seed: 57,
    rules: () => [
      { hits: { chance: 0.2 }, act: reply(502, {}, "<html>") },
      { hits: { chance: 0.12 }, act: reset },
      { hits: { chance: 0.2 }, act: pass({ loseAnswer: true }) },
      { path: UPLOADS, withBody: true, hits: { chance: 0.3 }, act: cutUploads(700_000) },
    ],
  },
  {
    id: "N58",
    what: "503 once on an upload whose work was done",
    want: "survive",
    resent: 1.05,
    rules: () => [{ path: UPLOADS, withBody: true, act: pass({ status: 503 }) }],
  },
  {
    id: "N59",
    what: "uploads are 503 for ever, everything else works",
    want: "refuse",
    requests: 200,
    rules: () => [{ path: UPLOADS, withBody: true, hits: "all", act: replyUnread(503) }],
  },
  {
    id: "N60",
    what: "the first POST opens a session on a registry that forgot it at once (404 on every use), three times",
    want: "survive",
    rules: () => [{ path: UPLOADS, withBody: true, hits: [1, 2, 3], act: refuse(404, "BLOB_UPLOAD_UNKNOWN") }],
  },
];

/** Faults of a copy from one repository of a registry to another. */
export const COPY_ROWS: readonly Row[] = [
  { id: "N70", what: "no fault: everything is mounted", want: "survive", resent: 0.001 },
  {
    id: "N71",
    what: "mounts are answered 202, and the session is not known afterwards",
    want: "survive",
    resent: 2.2,
    rules: () => [
      {
        method: /POST/,
        path: /mount=/,
        hits: "all",
        act: (exchange) =>
          exchange.reply(202, {
            location: `${exchange.path.replace(/\?.*/, "")}gone-${Math.round(exchange.random() * 1e9)}`,
            range: "0-0",
          }),
      },
    ],
  },
  {
    id: "N72",
    what: "mounts are refused with 403",
    want: "survive",
    rules: () => [{ method: /POST/, path: /mount=/, hits: "all", act: refuse(403, "DENIED") }],
  },
  {
    id: "N73",
    what: "mounts are refused with 404 NAME_UNKNOWN",
    want: "survive",
    rules: () => [{ method: /POST/, path: /mount=/, hits: "all", act: refuse(404, "NAME_UNKNOWN") }],
  },
  {
    id: "N74",
    what: "mounts are refused with 405",
    want: "survive",
    rules: () => [{ method: /POST/, path: /mount=/, hits: "all", act: refuse(405, "UNSUPPORTED") }],
  },
  {
    id: "N75",
    what: "mounts fail with 500, for ever",
    want: "either",
    requests: 80,
    rules: () => [{ method: /POST/, path: /mount=/, hits: "all", act: reply(500) }],
  },
  {
    id: "N76",
    what: "a mount is acknowledged and not done",
    want: "survive",
    rules: () => [
      { method: /POST/, path: /mount=/, act: reply(201, { location: "/v2/x" }) },
      { method: /PUT/, path: MANIFESTS, hits: "all", act: checksBlobs(true) },
    ],
  },
  {
    id: "N77",
    what: "what is read breaks while it is uploaded",
    want: "survive",
    resent: 1.05,
    rules: () => [
      {
        method: /POST/,
        path: /mount=/,
        hits: "all",
        act: (exchange) => exchange.pass({ path: exchange.path.replace(/\?.*/, "") }),
      },
      {
        method: /GET/,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.pass(exchange.random() < 0.6 ? { cut: { after: MIB, by: "reset" } } : {}),
      },
    ],
  },
  {
    id: "N78",
    what: "both sides break",
    want: "survive",
    rules: () => [
      {
        method: /POST/,
        path: /mount=/,
        hits: "all",
        act: (exchange) => exchange.pass({ path: exchange.path.replace(/\?.*/, "") }),
      },
      {
        method: /GET/,
        path: BLOB,
        hits: "all",
        act: (exchange) => exchange.pass(exchange.random() < 0.5 ? { cut: { after: MIB, by: "reset" } } : {}),
      },
      { path: UPLOADS, withBody: true, hits: "all", act: cutUploads(MIB, 4) },
    ],
  },
  {
    id: "N79",
    what: "what is read has a flipped bit, once, while it is uploaded",
    want: "survive",
    resent: 2.05,
    rules: () => [
      {
        method: /POST/,
        path: /mount=/,
        hits: "all",
        act: (exchange) => exchange.pass({ path: exchange.path.replace(/\?.*/, "") }),
      },
      { method: /GET/, path: BLOB, act: pass({ flip: 99 }) },
    ],
  },
  {
    id: "N80",
    what: "what is read has a flipped bit, always",
    want: "refuse",
    rules: () => [
      {
        method: /POST/,
        path: /mount=/,
        hits: "all",
        act: (exchange) => exchange.pass({ path: exchange.path.replace(/\?.*/, "") }),
      },
      { method: /GET/, path: BLOB, hits: "all", act: pass({ flip: 99 }) },
    ],
    code: /DIGEST_MISMATCH/,
  },
];
