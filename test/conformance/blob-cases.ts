import { createHash, randomBytes } from "node:crypto";
import type { Case, Step } from "./steps.js";

export type Algorithm = "sha256" | "sha512";

export const digestOf = (bytes: Uint8Array | string, algorithm: Algorithm = "sha256"): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;

/** An empty upload, in a repository. */
export const start = (repository = "{R1}"): Step => ({
  send: `POST /v2/${repository}/blobs/uploads/`,
  status: 202,
  has: { location: /./ },
});

const finish = (digest: string): Step => ({
  send: `PUT {upload}?digest=${digest}`,
  status: 201,
  has: { location: /./, "docker-content-digest": digest },
});

const range = (from: number, to: number): Record<string, string> => ({ "content-range": `${from}-${to - 1}` });

/** Where the cuts of a blob lie that is sent in pieces. */
const pieces = (bytes: Uint8Array): [number, number][] => [
  [0, 1024],
  [1024, 2048],
  [2048, bytes.byteLength],
];

/** The upload's state: what has come, told by GET. */
const status = (size: number): Step => ({
  send: "GET {upload}",
  status: 204,
  has: { range: `0-${Math.max(0, size - 1)}`, location: /./ },
});

const patch = (bytes: Uint8Array, from: number, to: number): Step => ({
  send: "PATCH {upload}",
  headers: range(from, to),
  body: bytes.subarray(from, to),
  status: 202,
  has: { location: /./, range: `0-${to - 1}` },
});

/** The same piece where it does not belong. */
const misplaced = (bytes: Uint8Array, from: number, to: number, method: string): Step => {
  const at = from === 0 ? 10 : 0;
  return { send: method, headers: range(at, at + to - from), body: bytes.subarray(from, to), status: 416 };
};

/** Every way to push a blob, by the name that the suite has for it. */
export const PUSHES: Readonly<Record<string, (bytes: Uint8Array, digest: string, repository?: string) => Step[]>> = {
  "post only": (bytes, digest, repository = "{R1}") => [
    {
      send: `POST /v2/${repository}/blobs/uploads/?digest=${digest}`,
      body: bytes,
      status: 201,
      has: { location: /./, "docker-content-digest": digest },
    },
  ],
  "post+put": (bytes, digest, repository) => [start(repository), { ...finish(digest), body: bytes }],
  "chunked single": (bytes, digest, repository) => [
    start(repository),
    { ...patch(bytes, 0, bytes.byteLength), ...(bytes.byteLength === 0 ? { headers: {}, has: {} } : {}) },
    finish(digest),
  ],
  stream: (bytes, digest, repository) => [
    start(repository),
    { send: "PATCH {upload}", body: bytes, chunked: true, status: 202 },
    finish(digest),
  ],
};

const IN_PIECES: Readonly<Record<string, (bytes: Uint8Array, digest: string) => Step[]>> = {
  "chunked multi": (bytes, digest) => [start(), ...pieces(bytes).map(([a, b]) => patch(bytes, a, b)), finish(digest)],
  "chunked multi and put chunk": (bytes, digest) => [
    start(),
    ...pieces(bytes)
      .slice(0, 2)
      .map(([a, b]) => patch(bytes, a, b)),
    { ...finish(digest), headers: range(2048, bytes.byteLength), body: bytes.subarray(2048) },
  ],
  "chunked out-of-order": (bytes, digest) => [
    start(),
    status(0),
    ...pieces(bytes).flatMap(([a, b]) => [misplaced(bytes, a, b, "PATCH {upload}"), status(a), patch(bytes, a, b)]),
    finish(digest),
  ],
  "chunked out-of-order and put chunk": (bytes, digest) => [
    start(),
    ...pieces(bytes)
      .slice(0, 2)
      .flatMap(([a, b]) => [misplaced(bytes, a, b, "PATCH {upload}"), status(a), patch(bytes, a, b)]),
    misplaced(bytes, 2048, bytes.byteLength, `PUT {upload}?digest=${digest}`),
    status(2048),
    { ...finish(digest), headers: range(2048, bytes.byteLength), body: bytes.subarray(2048) },
  ],
};

/** What has to hold for a blob that was pushed, until it is deleted. */
export const lives = (bytes: Uint8Array, digest: string, repository = "{R1}"): Step[] => {
  const path = `/v2/${repository}/blobs/${digest}`;
  const has = { "content-length": String(bytes.byteLength), "docker-content-digest": digest, etag: `"${digest}"` };
  return [
    { send: `HEAD ${path}`, status: 200, has },
    { send: `GET ${path}`, status: 200, has, bytes },
    { send: `DELETE ${path}`, status: 202 },
    { send: `HEAD ${path}`, status: 404 },
    { send: `GET ${path}`, status: 404, error: "BLOB_UNKNOWN" },
  ];
};

const followed = (bytes: Uint8Array): Step => ({ send: "GET {location}", status: 200, bytes });

/** The blob cases of the suite, for one algorithm. */
export function blobCases(algorithm: Algorithm): Case[] {
  const random = (size: number): { bytes: Uint8Array; digest: string } => {
    const bytes = randomBytes(size);
    return { bytes, digest: digestOf(bytes, algorithm) };
  };
  const cases: Case[] = [];
  const add = (name: string, ...steps: readonly Step[]): void =>
    void cases.push({ name: `${algorithm} blobs/${name}`, steps });

  add("get-missing", { send: `GET /v2/{R1}/blobs/${random(8).digest}`, status: 404, error: "BLOB_UNKNOWN" });
  for (const [name, push] of Object.entries({ ...PUSHES, ...IN_PIECES })) {
    const { bytes, digest } = random(name in PUSHES ? 512 : 3 * 1024 - 5);
    add(name, ...push(bytes, digest), followed(bytes), ...lives(bytes, digest));
  }
  for (const [label, content] of [
    ["empty", ""],
    ["emptyJSON", "{}"],
  ] as const) {
    const bytes = Buffer.from(content);
    for (const [name, push] of Object.entries(PUSHES))
      add(
        `${label} ${name}`,
        ...push(bytes, digestOf(bytes, algorithm)),
        followed(bytes),
        ...lives(bytes, digestOf(bytes, algorithm)),
      );
  }
  const shared = random(300);
  const push = PUSHES["post+put"]!(shared.bytes, shared.digest, "{R2}");
  const mountedAt = { location: `/v2/{R1}/blobs/${shared.digest}`, "docker-content-digest": shared.digest };
  const mount = (query: string): Step => ({
    send: `POST /v2/{R1}/blobs/uploads/?mount=${shared.digest}${query}`,
    status: 201,
    has: mountedAt,
  });
  add("mount", ...push, mount("&from={R2}"), followed(shared.bytes), ...lives(shared.bytes, shared.digest), {
    send: `HEAD /v2/{R2}/blobs/${shared.digest}`,
    status: 200,
  });
  add("mount anonymous", ...push, mount(""), followed(shared.bytes), ...lives(shared.bytes, shared.digest));
  const missing = random(200);
  add(
    "mount missing",
    {
      send: `POST /v2/{R1}/blobs/uploads/?mount=${missing.digest}&from={R2}`,
      status: 202,
      has: { location: /^\/v2\/.+\/blobs\/uploads\/./ },
    },
    { ...finish(missing.digest), body: missing.bytes },
    ...lives(missing.bytes, missing.digest),
  );
  add(
    "post cancel",
    start(),
    { send: "DELETE {upload}", status: 204 },
    { send: "GET {upload}", status: 404, error: "BLOB_UPLOAD_UNKNOWN" },
  );
  const ranged = random(2048);
  add(
    "range requests",
    ...PUSHES["post only"]!(ranged.bytes, ranged.digest),
    ...rangeSteps(ranged.bytes, ranged.digest),
  );

  const wrong = digestOf("something else", algorithm);
  const refused = { status: 400, error: "DIGEST_INVALID" } as const;
  const bad = (name: string, ...steps: readonly Step[]): void =>
    add(`bad digest ${name}`, ...steps, { send: `HEAD /v2/{R1}/blobs/${wrong}`, status: 404 });
  bad("post only", { send: `POST /v2/{R1}/blobs/uploads/?digest=${wrong}`, body: ranged.bytes, ...refused });
  bad("post+put", start(), { send: `PUT {upload}?digest=${wrong}`, body: ranged.bytes, ...refused });
  bad("chunked", start(), patch(ranged.bytes, 0, 2048), { send: `PUT {upload}?digest=${wrong}`, ...refused });
  bad("chunked and put chunk", start(), patch(ranged.bytes, 0, 1024), {
    send: `PUT {upload}?digest=${wrong}`,
    headers: range(1024, 2048),
    body: ranged.bytes.subarray(1024),
    ...refused,
  });
  bad(
    "stream",
    start(),
    { send: "PATCH {upload}", body: ranged.bytes, chunked: true, status: 202 },
    { send: `PUT {upload}?digest=${wrong}`, ...refused },
  );
  return cases;
}

function rangeSteps(bytes: Uint8Array, digest: string): Step[] {
  const parts: [string, number, number][] = [
    ["500-1499", 500, 1500],
    ["500-", 500, 2048],
    ["-500", 1548, 2048],
    ["2000-5000", 2000, 2048],
    ["0-0", 0, 1],
    ["-5000", 0, 2048],
  ];
  const get = (value: string): { send: string; headers: Record<string, string> } => ({
    send: `GET /v2/{R1}/blobs/${digest}`,
    headers: { range: `bytes=${value}` },
  });
  return [
    ...parts.map(
      ([value, from, to]): Step => ({
        ...get(value),
        status: 206,
        bytes: bytes.subarray(from, to),
        has: {
          "content-range": `bytes ${from}-${to - 1}/2048`,
          "content-length": String(to - from),
          "docker-content-digest": digest,
        },
      }),
    ),
    ...["500-0", "5000-10000", "2048-", "-0"].map(
      (value): Step => ({ ...get(value), status: 416, has: { "content-range": "bytes */2048" } }),
    ),
    ...["0-9,20-29", "x-y", "-"].map((value): Step => ({ ...get(value), status: 200, bytes })),
  ];
}
