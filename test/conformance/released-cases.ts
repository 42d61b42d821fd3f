import { randomBytes } from "node:crypto";
import { digestOf, PUSHES, start } from "./blob-cases.js";
import { OCI_INDEX, OCI_MANIFEST, put } from "./data-sets.js";
import type { Case, Step } from "./steps.js";

const CONFIG = "application/vnd.oci.image.config.v1+json";

interface Content {
  readonly bytes: Buffer;
  readonly digest: string;
}

const content = (bytes: Buffer): Content => ({ bytes, digest: digestOf(bytes) });
const blob = (size: number): Content => content(randomBytes(size));
const describe = (mediaType: string, { bytes, digest }: Content, more: object = {}): object => ({
  mediaType,
  digest,
  size: bytes.length,
  ...more,
});
const push = ({ bytes, digest }: Content): Step[] => PUSHES["post+put"]!(bytes, digest);

function manifest(config: Content, layers: readonly Content[], fields: object = {}): Content {
  const value = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(CONFIG, config),
    layers: layers.map((layer) => describe("application/vnd.oci.image.layer.v1.tar+gzip", layer)),
    ...fields,
  };
  return content(Buffer.from(JSON.stringify(value)));
}

/** The cases of the released suite (v1.1.1), by its four workflows; set-up and teardown are steps of them. */
export function releasedCases(): Case[] {
  return [pull(), ...pushes(), tags(), referrers(), ...management()];
}

function pull(): Case {
  const [configs, layer] = [[blob(100), blob(101)] as const, blob(500)];
  const manifests = configs.map((config) => manifest(config, [layer])) as [Content, Content];
  const none = digestOf("there is no such thing");
  const has = ({ digest }: Content): Record<string, string> => ({ "docker-content-digest": digest });
  return {
    name: "pull",
    steps: [
      ...[...configs, layer].flatMap(push),
      { ...put("test0", manifests[0].bytes) },
      { ...put(manifests[1].digest, manifests[1].bytes) },
      { send: `HEAD /v2/{R1}/blobs/${none}`, status: 404 },
      { send: `HEAD /v2/{R1}/blobs/${configs[0].digest}`, status: 200, has: has(configs[0]) },
      { send: `GET /v2/{R1}/blobs/${none}`, status: 404, error: "BLOB_UNKNOWN" },
      { send: `GET /v2/{R1}/blobs/${configs[0].digest}`, status: 200, bytes: configs[0].bytes, has: has(configs[0]) },
      { send: "HEAD /v2/{R1}/manifests/.INVALID_MANIFEST_NAME", status: 404 },
      { send: `HEAD /v2/{R1}/manifests/${none}`, status: 404 },
      ...manifests.map((one): Step => ({ send: `HEAD /v2/{R1}/manifests/${one.digest}`, status: 200, has: has(one) })),
      { send: "HEAD /v2/{R1}/manifests/test0", status: 200, has: has(manifests[0]) },
      { send: "GET /v2/{R1}/manifests/.INVALID_MANIFEST_NAME", status: 404, error: "MANIFEST_UNKNOWN" },
      ...manifests.map(
        (one): Step => ({ send: `GET /v2/{R1}/manifests/${one.digest}`, status: 200, bytes: one.bytes, has: has(one) }),
      ),
      { send: "GET /v2/{R1}/manifests/test0", status: 200, bytes: manifests[0].bytes },
      { send: "GET /v2/{R1}/manifests/sha256:totallywrong", status: 400, error: "DIGEST_INVALID" },
      ...manifests.map((one): Step => ({ send: `DELETE /v2/{R1}/manifests/${one.digest}`, status: 202 })),
      ...[...configs, layer].map((one): Step => ({ send: `DELETE /v2/{R1}/blobs/${one.digest}`, status: 202 })),
    ],
  };
}

function pushes(): Case[] {
  const [a, config, layer, chunked] = [blob(200), blob(120), blob(700), blob(1000)];
  const image = manifest(config, [layer]);
  const bare = manifest(config, []);
  const fetched = ({ bytes, digest }: Content): Step => ({ send: `GET /v2/{R1}/blobs/${digest}`, status: 200, bytes });
  const chunk = (from: number, to: number, status: number): Step => ({
    send: "PATCH {upload}",
    headers: { "content-range": `${from}-${to - 1}`, "content-type": "application/octet-stream" },
    body: chunked.bytes.subarray(from, to),
    status,
  });
  return [
    {
      name: "push/streamed",
      steps: [...PUSHES.stream!(a.bytes, a.digest), { send: "GET {location}", status: 200, bytes: a.bytes }],
    },
    {
      name: "push/monolithic",
      steps: [
        { send: `GET /v2/{R1}/blobs/${digestOf("none")}`, status: 404 },
        ...PUSHES["post only"]!(config.bytes, config.digest),
        fetched(config),
        ...push(a),
        fetched(a),
        ...push(layer),
        fetched(layer),
      ],
    },
    {
      name: "push/chunked",
      steps: [
        start(),
        chunk(500, 1000, 416),
        { ...chunk(0, 500, 202), has: { range: "0-499" } },
        chunk(0, 500, 416),
        // The URL that the first answer gave, after a later one has come.
        { send: "GET {first}", status: 204, has: { range: "0-499", location: /./ } },
        chunk(500, 1000, 202),
        { send: `PUT {upload}?digest=${chunked.digest}`, status: 201, has: { location: /./ } },
      ],
    },
    {
      name: "push/cross-repository mount",
      steps: [
        ...push(a),
        {
          send: `POST /v2/{R2}/blobs/uploads/?mount=${digestOf("dummy")}`,
          status: 202,
          has: { location: /^\/v2\/.+\/blobs\/uploads\/./ },
        },
        {
          send: `POST /v2/{R2}/blobs/uploads/?mount=${a.digest}&from={R1}`,
          status: 201,
          has: { location: `/v2/{R2}/blobs/${a.digest}` },
        },
        { send: "GET {location}", status: 200, bytes: a.bytes },
        { send: `POST /v2/{R2}/blobs/uploads/?mount=${a.digest}`, status: 201 },
      ],
    },
    {
      name: "push/manifest",
      steps: [
        { send: "GET /v2/{R1}/manifests/.INVALID_MANIFEST_NAME", status: 404 },
        ...[config, layer].flatMap(push),
        ...[0, 1, 2, 3].map((at): Step => put(`test${at}`, image.bytes)),
        put("emptylayer", bare.bytes),
        { send: `GET /v2/{R1}/manifests/${image.digest}`, status: 200, bytes: image.bytes },
      ],
    },
  ];
}

function tags(): Case {
  const [config, layer] = [blob(50), blob(60)];
  const image = manifest(config, [layer]);
  const list = (query: string, wanted: readonly string[]): Step => ({
    send: `GET /v2/{R1}/tags/list${query}`,
    status: 200,
    check: (document) => {
      if (JSON.stringify(document.tags) !== JSON.stringify(wanted))
        throw new Error(`${query}: ${JSON.stringify(document.tags)}`);
    },
  });
  return {
    name: "discovery/tags",
    steps: [
      ...[config, layer].flatMap(push),
      ...["test3", "test1", "test0", "test2"].map((tag): Step => put(tag, image.bytes)),
      list("", ["test0", "test1", "test2", "test3"]),
      list("?n=2", ["test0", "test1"]),
      list("?n=2&last=test0", ["test1", "test2"]),
      list("?n=10&last=test3", []),
    ],
  };
}

function referrers(): Case {
  const [config, a, b] = [blob(40), blob(41), blob(42)];
  const subject = manifest(config, []);
  const empty = content(Buffer.from("{}"));
  const of = (fields: object, layer: Content, note: string): Content =>
    manifest(empty, [layer], {
      subject: describe(OCI_MANIFEST, subject),
      annotations: { "org.example.note": note },
      ...fields,
    });
  const typed = "application/vnd.nhl.peanut.butter.bagel";
  const other = "application/vnd.nba.strawberry.jam.croissant";
  const byConfig = { config: describe(typed, config) };
  const list = [
    of(byConfig, a, "config a"),
    of({ artifactType: typed }, a, "layer a"),
    of({ artifactType: other }, b, "layer b"),
    of({ config: describe(other, config) }, b, "config b"),
  ];
  const index = content(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        artifactType: "application/vnd.food.stand",
        manifests: [],
        subject: describe(OCI_MANIFEST, subject),
        annotations: { "org.example.note": "index" },
      }),
    ),
  );
  const lost = content(Buffer.from("never pushed"));
  const toLost = manifest(empty, [], { subject: describe(OCI_MANIFEST, lost) });
  const counted = (digest: string, query: string, notes: readonly (string | undefined)[]): Step => ({
    send: `GET /v2/{R1}/referrers/${digest}${query}`,
    status: 200,
    has: { "content-type": OCI_INDEX, "oci-filters-applied": query === "" ? null : "artifactType" },
    check: ({ manifests }) => {
      const got = (manifests as { annotations?: Record<string, string> }[]).map(
        (one) => one.annotations?.["org.example.note"],
      );
      if (got.length !== notes.length || notes.some((note) => !got.includes(note)))
        throw new Error(JSON.stringify(got));
    },
  });
  return {
    name: "discovery/referrers",
    steps: [
      ...[config, a, b, empty].flatMap(push),
      counted(digestOf("nothing"), "", []),
      put("subject", subject.bytes),
      ...list.map((one): Step => ({ ...put(one.digest, one.bytes), has: { "oci-subject": subject.digest } })),
      { ...put(index.digest, index.bytes, OCI_INDEX), has: { "oci-subject": subject.digest } },
      { ...put(toLost.digest, toLost.bytes), has: { "oci-subject": lost.digest } },
      counted(subject.digest, "", ["config a", "layer a", "layer b", "config b", "index"]),
      counted(subject.digest, `?artifactType=${typed}`, ["config a", "layer a"]),
      counted(lost.digest, "", [undefined]),
    ],
  };
}

function management(): Case[] {
  const [config, layer] = [blob(70), blob(71)];
  const image = manifest(config, [layer]);
  const seeds = [...[config, layer].flatMap(push), put("tagtest0", image.bytes), put("tagtest1", image.bytes)];
  return [
    {
      name: "management/tag then manifest then blobs",
      steps: [
        ...seeds,
        { send: "DELETE /v2/{R1}/manifests/tagtest0", status: 202 },
        // Only the name went.
        { send: `GET /v2/{R1}/manifests/${image.digest}`, status: 200 },
        { send: "GET /v2/{R1}/tags/list", status: 200, json: { tags: ["tagtest1"] } },
        { send: `DELETE /v2/{R1}/manifests/${image.digest}`, status: 202 },
        { send: `GET /v2/{R1}/manifests/${image.digest}`, status: 404, error: "MANIFEST_UNKNOWN" },
        { send: "GET /v2/{R1}/manifests/tagtest1", status: 404 },
        { send: "GET /v2/{R1}/tags/list", status: 200, json: { tags: [] } },
        { send: `DELETE /v2/{R1}/manifests/${image.digest}`, status: 404 },
        ...[config, layer].flatMap(({ digest }): Step[] => [
          { send: `DELETE /v2/{R1}/blobs/${digest}`, status: 202 },
          { send: `GET /v2/{R1}/blobs/${digest}`, status: 404 },
          { send: `DELETE /v2/{R1}/blobs/${digest}`, status: 404, error: "BLOB_UNKNOWN" },
        ]),
      ],
    },
    {
      name: "management/blobs before the manifest",
      steps: [
        ...seeds,
        ...[config, layer].map(({ digest }): Step => ({ send: `DELETE /v2/{R1}/blobs/${digest}`, status: 202 })),
        { send: `DELETE /v2/{R1}/manifests/${image.digest}`, status: 202 },
      ],
    },
  ];
}
