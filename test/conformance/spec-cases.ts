import { randomBytes } from "node:crypto";
import { digestOf, PUSHES, start } from "./blob-cases.js";
import { OCI_INDEX, OCI_MANIFEST, put } from "./data-sets.js";
import type { Case, Step } from "./steps.js";

const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const empty = { mediaType: "application/vnd.oci.empty.v1+json", digest: digestOf("{}"), size: 2 };
const image = (fields: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: empty, layers: [], ...fields }));
const invalid = { status: 400, has: {}, error: "MANIFEST_INVALID" } as const;

/** What neither suite asks and the specification says, or a registry's history teaches. */
export function specCases(): Case[] {
  const one = image({ annotations: { n: "1" } });
  const two = image({ annotations: { n: "2" } });
  const [digest1, digest2] = [digestOf(one), digestOf(two)];
  const tag = (text: string): string => `PUT /v2/{R1}/manifests/${text}`;
  const ask = (send: string, status: number, error: string): Step => ({ send, status, error });
  const referrers = (digest: string): string => `GET /v2/{R1}/referrers/${digest}`;
  return [
    {
      name: "ping, and a repository that was never pushed to",
      steps: [
        { send: "GET /v2/", status: 200 },
        { send: "HEAD /v2/", status: 200 },
        ask("GET /v2/{R1}/tags/list", 404, "NAME_UNKNOWN"),
        {
          send: referrers(digestOf(randomBytes(4))),
          status: 200,
          has: { "content-type": OCI_INDEX },
          json: { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [] },
        },
        ask(`GET /v2/{R1}/manifests/${digestOf("x")}`, 404, "MANIFEST_UNKNOWN"),
        ask("GET /v2/{R1}/manifests/latest", 404, "MANIFEST_UNKNOWN"),
      ],
    },
    {
      name: "digests that are none",
      steps: [
        { ...put("sha256:baddigeststring", one), status: 400, has: {}, error: "DIGEST_INVALID" },
        ask("GET /v2/{R1}/manifests/sha256:baddigeststring", 400, "DIGEST_INVALID"),
        ask("GET /v2/{R1}/blobs/sha256:..%2F..%2Fx", 400, "DIGEST_INVALID"),
        ask(`GET /v2/{R1}/blobs/${digest1.toUpperCase()}`, 400, "DIGEST_INVALID"),
        ask("GET /v2/{R1}/blobs/md5:d41d8cd98f00b204e9800998ecf8427e", 400, "DIGEST_INVALID"),
        ask(referrers("sha256:short"), 400, "DIGEST_INVALID"),
        ask("POST /v2/{R1}/blobs/uploads/?mount=sha256:short", 400, "DIGEST_INVALID"),
        ask("POST /v2/{R1}/blobs/uploads/?digest=nonsense", 400, "DIGEST_INVALID"),
        ask("POST /v2/{R1}/blobs/uploads/?digest-algorithm=md5", 400, "DIGEST_INVALID"),
        start(),
        ask("PUT {upload}", 400, "DIGEST_INVALID"),
      ],
    },
    {
      name: "a digest may be percent-encoded",
      steps: [
        put("x", one),
        { send: `GET /v2/{R1}/manifests/${encodeURIComponent(digest1)}`, status: 200, bytes: one },
      ],
    },
    {
      name: "tags list with n and last",
      steps: [
        ...["b", "a", "B", "_", "0", "c"].map((name): Step => put(name, one)),
        { send: "GET /v2/{R1}/tags/list?n=0", status: 200, has: { link: null }, check: ({ tags }) => count(tags, 0) },
        { send: "GET /v2/{R1}/tags/list?n=2", status: 200, has: { link: /rel="next"/ }, json: { tags: ["0", "B"] } },
        { send: "GET {next}", status: 200, has: { link: /rel="next"/ }, json: { tags: ["_", "a"] } },
        { send: "GET {next}", status: 200, has: { link: null }, json: { tags: ["b", "c"] } },
        { send: "GET /v2/{R1}/tags/list?n=1000000000000", status: 200, has: { link: null } },
        { send: "GET /v2/{R1}/tags/list?n=6", status: 200, has: { link: null } },
        { send: "GET /v2/{R1}/tags/list?last=zzz", status: 200, json: { tags: [] } },
        { send: "GET /v2/{R1}/tags/list?n=-1", status: 400 },
        { send: "GET /v2/{R1}/tags/list?n=x", status: 400 },
      ],
    },
    {
      name: "tags of 128 and 129 characters",
      steps: [
        { ...put("t".repeat(128), one), status: 201 },
        { ...put("t".repeat(129), one), status: 400, has: {}, error: "TAG_INVALID" },
        { ...put(".hidden", one), status: 400, has: {}, error: "TAG_INVALID" },
        { ...put("%2e%2e", one), status: 400, has: {}, error: "TAG_INVALID" },
        { ...put(`${digest1}?tag=ok&tag=-bad`, one), status: 400, has: {}, error: "TAG_INVALID" },
        ask("GET /v2/{R1}/manifests/ok", 404, "MANIFEST_UNKNOWN"),
      ],
    },
    {
      name: "names of repositories",
      steps: [
        { send: `GET /v2/${"a".repeat(255)}/tags/list`, status: 404, error: "NAME_UNKNOWN" },
        ...[
          "a".repeat(256),
          "UPPER",
          "a//b",
          "-a",
          "a-",
          "a..b",
          "a___b",
          "a/_tags/b",
          "%2e%2e/%2e%2e/etc",
          "a%2Fb%00",
          "..",
        ].map((name): Step => ask(`GET /v2/${name}/tags/list`, 400, "NAME_INVALID")),
        {
          send: "PUT /v2/a.b_c__d-e--f/blobs/uploads/manifests/x",
          headers: { "content-type": OCI_MANIFEST },
          body: one,
          status: 201,
        },
        { send: "GET /v2/a.b_c__d-e--f/blobs/uploads/manifests/x", status: 200, bytes: one },
      ],
    },
    {
      name: "manifests have one reading",
      steps: [
        { ...put("x", image({ mediaType: DOCKER_MANIFEST })), ...invalid },
        { ...put("x", one, DOCKER_MANIFEST), ...invalid },
        { ...put("x", one, OCI_INDEX), ...invalid },
        { ...put("x", image({ manifests: [] })), ...invalid },
        { ...put("x", Buffer.from('{"schemaVersion":2,"manifests":[],"layers":[]}'), OCI_INDEX), ...invalid },
        { ...put("x", one, "application/json"), ...invalid },
        { ...put("x", one, "application/vnd.docker.distribution.manifest.v1+json"), ...invalid },
        { ...put("x", Buffer.from("{")), ...invalid },
        { ...put("x", Buffer.from("")), ...invalid },
        { ...put("x", Buffer.from("[]")), ...invalid },
        { ...put("x", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), one])), ...invalid },
        { ...put("x", Buffer.from(one.toString().replace('"layers":[]', '"layers":[],"layers":[]'))), ...invalid },
        { ...put("x", image({ deep: JSON.parse("[".repeat(500) + "]".repeat(500)) as unknown })), ...invalid },
        { ...put("x", image({ layers: [{ mediaType: "x", digest: "sha256:../..", size: 1 }] })), ...invalid },
        { ...put("x", image({ layers: [{ mediaType: "x", digest: digest1, size: -1 }] })), ...invalid },
        { ...put("x", Buffer.from('{"schemaVersion":1,"layers":[]}')), ...invalid },
        ask("GET /v2/{R1}/manifests/x", 404, "MANIFEST_UNKNOWN"),
        // Parameters of a media type do not count, and without a mediaType of its own a document is what it is pushed as.
        { ...put("x", one, `${OCI_MANIFEST}; charset=utf-8`) },
        { ...put("y", image({ mediaType: undefined }), DOCKER_MANIFEST) },
        { send: "GET /v2/{R1}/manifests/y", status: 200, has: { "content-type": DOCKER_MANIFEST } },
        { send: tag("z"), body: one, status: 201 },
        { send: "GET /v2/{R1}/manifests/z", status: 200, has: { "content-type": OCI_MANIFEST } },
      ],
    },
    {
      name: "manifests at the limit and beyond",
      steps: [
        { ...put("fits", padded(4 * 1024 * 1024)) },
        { ...put("large", padded(4 * 1024 * 1024 + 1)), status: 413, has: {}, error: "SIZE_INVALID" },
        { ...put("large", padded(4 * 1024 * 1024 + 1)), chunked: true, status: 413, has: {}, error: "SIZE_INVALID" },
        ask("GET /v2/{R1}/manifests/large", 404, "MANIFEST_UNKNOWN"),
      ],
    },
    {
      name: "compare and swap of a tag",
      steps: [
        { ...put("t", one), headers: { "content-type": OCI_MANIFEST, "if-match": "*" }, status: 412, has: {} },
        {
          ...put("t", one),
          headers: { "content-type": OCI_MANIFEST, "if-none-match": "*" },
          has: { etag: `"${digest1}"` },
        },
        {
          ...put("t", two),
          headers: { "content-type": OCI_MANIFEST, "if-none-match": "*" },
          status: 412,
          has: { etag: `"${digest1}"` },
        },
        {
          ...put("t", two),
          headers: { "content-type": OCI_MANIFEST, "if-match": `"${digest2}"` },
          status: 412,
          has: { etag: `"${digest1}"` },
        },
        { ...put("t", two), headers: { "content-type": OCI_MANIFEST, "if-match": `"${digest1}"` } },
        { send: "GET /v2/{R1}/manifests/t", status: 200, headers: { "if-none-match": `"${digest1}"` }, bytes: two },
        { send: "GET /v2/{R1}/manifests/t", status: 304, headers: { "if-none-match": `"${digest2}"` }, bytes: "" },
        { send: "HEAD /v2/{R1}/manifests/t", status: 304, headers: { "if-none-match": `W/"x", "${digest2}"` } },
        { send: "DELETE /v2/{R1}/manifests/t", status: 412, headers: { "if-match": `"${digest1}"` } },
        { send: "DELETE /v2/{R1}/manifests/t", status: 202, headers: { "if-match": `"${digest2}"` } },
        { send: `DELETE /v2/{R1}/manifests/${digest2}`, status: 412, headers: { "if-match": `"${digest1}"` } },
        { send: `DELETE /v2/{R1}/manifests/${digest2}`, status: 202, headers: { "if-match": `"${digest2}"` } },
      ],
    },
    {
      name: "blobs are fresh by their digest",
      steps: [
        ...PUSHES["post only"]!(one, digest1),
        { send: `GET /v2/{R1}/blobs/${digest1}`, headers: { "if-none-match": `"${digest1}"` }, status: 304, bytes: "" },
        { send: `HEAD /v2/{R1}/blobs/${digest1}`, headers: { "if-none-match": `"${digest1}"` }, status: 304 },
        {
          send: `GET /v2/{R1}/blobs/${digest1}`,
          headers: { range: "bytes=0-3", "if-range": '"other"' },
          status: 200,
          bytes: one,
        },
        {
          send: `GET /v2/{R1}/blobs/${digest1}`,
          headers: { range: "bytes=0-3", "if-range": `"${digest1}"` },
          status: 206,
          bytes: one.subarray(0, 4),
        },
      ],
    },
    {
      name: "a blob is seen through the repositories that hold it",
      steps: [
        ...PUSHES["post only"]!(two, digest2, "{R2}"),
        ask(`GET /v2/{R1}/blobs/${digest2}`, 404, "BLOB_UNKNOWN"),
        { send: `POST /v2/{R1}/blobs/uploads/?mount=${digest2}&from={R2}`, status: 201 },
        { send: `DELETE /v2/{R2}/blobs/${digest2}`, status: 202 },
        ask(`GET /v2/{R2}/blobs/${digest2}`, 404, "BLOB_UNKNOWN"),
        { send: `GET /v2/{R1}/blobs/${digest2}`, status: 200, bytes: two },
        { send: `DELETE /v2/{R1}/blobs/${digest2}`, status: 202 },
        { send: `POST /v2/{R1}/blobs/uploads/?mount=${digest2}`, status: 202 },
        { send: `POST /v2/{R1}/blobs/uploads/?mount=${digest2}&from=UPPER`, status: 202 },
      ],
    },
    {
      name: "uploads belong to a repository and end",
      steps: [
        start(),
        ask("GET /v2/{R1}/blobs/uploads/00000000-0000-0000-0000-000000000000", 404, "BLOB_UPLOAD_UNKNOWN"),
        ask("GET /v2/{R1}/blobs/uploads/..%2F..", 404, "BLOB_UPLOAD_UNKNOWN"),
        { send: "HEAD {upload}", status: 204, has: { range: "0-0" } },
        {
          send: "PATCH {upload}",
          headers: { "content-range": "0-9" },
          body: "short",
          status: 400,
          error: "SIZE_INVALID",
        },
        {
          send: "PATCH {upload}",
          headers: { "content-range": "0-9" },
          body: "long enough, and more",
          chunked: true,
          status: 400,
          error: "SIZE_INVALID",
        },
        {
          send: "PATCH {upload}",
          headers: { "content-range": "0-99" },
          body: "short",
          chunked: true,
          status: 400,
          error: "SIZE_INVALID",
        },
        {
          send: "PATCH {upload}",
          headers: { "content-range": "what?" },
          body: "x",
          status: 400,
          error: "BLOB_UPLOAD_INVALID",
        },
        { send: "GET {upload}", status: 204, has: { range: "0-0" } },
        { send: "PATCH {upload}", headers: { "content-range": "bytes 0-3/*" }, body: "abcd", status: 202 },
        { send: `PUT {upload}?digest=${digestOf("abcd")}`, status: 201 },
        ask(`PUT {upload}?digest=${digestOf("abcd")}`, 404, "BLOB_UPLOAD_UNKNOWN"),
      ],
    },
    {
      name: "the fallback tag's referrers are merged in",
      steps: [
        put("subject", one),
        { ...put("r", image({ subject: descriptor(one), artifactType: "application/x-a" })) },
        { ...put(digest1.replace(":", "-"), listed(one)), headers: { "content-type": OCI_INDEX } },
        { send: referrers(digest1), status: 200, check: ({ manifests }) => count(manifests, 2) },
        {
          send: `${referrers(digest1)}?artifactType=application%2Fx-listed`,
          status: 200,
          check: ({ manifests }) => count(manifests, 1),
        },
        { send: `DELETE /v2/{R1}/manifests/r`, status: 202 },
        {
          send: `DELETE /v2/{R1}/manifests/${digestOf(image({ subject: descriptor(one), artifactType: "application/x-a" }))}`,
          status: 202,
        },
        { send: referrers(digest1), status: 200, check: ({ manifests }) => count(manifests, 1) },
      ],
    },
    {
      name: "referrers of more than 4 MiB come in pages",
      steps: [
        ...[1, 2, 3].map((at): Step => {
          const bytes = image({
            subject: descriptor(two),
            annotations: { at: String(at), fill: "x".repeat(2_000_000) },
          });
          return put(digestOf(bytes), bytes);
        }),
        {
          send: referrers(digest2),
          status: 200,
          has: { link: /rel="next"/ },
          check: ({ manifests }) => count(manifests, 2),
        },
        { send: "GET {next}", status: 200, has: { link: null }, check: ({ manifests }) => count(manifests, 1) },
      ],
    },
    {
      name: "methods and paths that are none",
      steps: [
        { send: "POST /v2/{R1}/manifests/x", status: 405, has: { allow: /PUT/ }, error: "UNSUPPORTED" },
        { send: "DELETE /v2/", status: 405, error: "UNSUPPORTED" },
        { send: "GET /", status: 404 },
        { send: "GET /v1/x", status: 404 },
        { send: "GET /v2/%zz/tags/list", status: 404 },
        { send: "GET /token", status: 404 },
      ],
    },
  ];
}

function padded(size: number): Buffer {
  const bare = image({ annotations: { x: "" } }).length;
  return image({ annotations: { x: "x".repeat(size - bare) } });
}

function descriptor(bytes: Buffer): object {
  return { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length };
}

/** An index under a fallback tag, as clients of a registry without the referrers API keep it. */
function listed(subject: Buffer): Buffer {
  const entry = { ...descriptor(Buffer.concat([subject, Buffer.from(" ")])), artifactType: "application/x-listed" };
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] }));
}

function count(list: unknown, wanted: number): void {
  if (!Array.isArray(list) || list.length !== wanted)
    throw new Error(`${JSON.stringify(list).slice(0, 300)}: not ${wanted}`);
}
