import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Algorithm, digestOf, PUSHES } from "./blob-cases.js";
import type { Case, Step } from "./steps.js";

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar";
const EMPTY = "application/vnd.oci.empty.v1+json";

interface Described {
  mediaType: string;
  digest: string;
  size: number;
  [field: string]: unknown;
}

/** A manifest or index of a set. */
interface Document {
  readonly bytes: Buffer;
  readonly descriptor: Described;
  readonly subject?: string;
  readonly tags: readonly string[];
}

/** One of the suite's data sets: what is pushed, in what order. */
class DataSet {
  readonly blobs: { bytes: Buffer; digest: string }[] = [];
  readonly documents: Document[] = [];
  readonly #algorithm: Algorithm;

  constructor(algorithm: Algorithm = "sha256") {
    this.#algorithm = algorithm;
  }

  blob(mediaType: string, bytes: Buffer, options: { pushed?: boolean; data?: boolean } = {}): Described {
    const digest = digestOf(bytes, this.#algorithm);
    if (options.pushed !== false && !this.blobs.some((known) => known.digest === digest))
      this.blobs.push({ bytes, digest });
    return {
      mediaType,
      digest,
      size: bytes.length,
      ...(options.data === true ? { data: bytes.toString("base64") } : {}),
    };
  }

  document(
    mediaType: string,
    fields: Record<string, unknown>,
    options: { tags?: readonly string[]; pushed?: boolean } = {},
  ): Described {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
    const digest = digestOf(bytes, this.#algorithm);
    const descriptor = { mediaType, digest, size: bytes.length };
    const subject = (fields.subject as Described | undefined)?.digest;
    if (options.pushed !== false)
      this.documents.push({
        bytes,
        descriptor,
        tags: options.tags ?? [],
        ...(subject === undefined ? {} : { subject }),
      });
    return descriptor;
  }

  image(
    fields: Record<string, unknown> = {},
    options: { tags?: readonly string[]; pushed?: boolean; gzip?: boolean; data?: boolean; custom?: boolean } = {},
  ): Described {
    const layers = [1, 2].map(() => {
      const tar = randomBytes(1024);
      return options.gzip === false
        ? this.blob(LAYER, tar, options)
        : this.blob(`${LAYER}+gzip`, gzipSync(tar), options);
    });
    const config = Buffer.from(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        rootfs: { type: "layers", diff_ids: [digestOf(randomBytes(4))] },
        ...(options.custom === true ? { "org.example.extra": { a: [1, 2] } } : {}),
      }),
    );
    return this.document(OCI_MANIFEST, { config: this.blob(CONFIG, config, options), layers, ...fields }, options);
  }

  artifact(fields: Record<string, unknown> = {}, options: { tags?: readonly string[] } = {}): Described {
    const config = this.blob(EMPTY, Buffer.from("{}"));
    const layers = [this.blob("application/vnd.example.data", randomBytes(64))];
    return this.document(
      OCI_MANIFEST,
      { artifactType: "application/vnd.example.thing", config, layers, ...fields },
      options,
    );
  }

  index(
    manifests: readonly Described[],
    fields: Record<string, unknown> = {},
    options: { tags?: readonly string[] } = {},
  ): Described {
    return this.document(OCI_INDEX, { manifests, ...fields }, options);
  }
}

const on = (architecture: string, descriptor: Described): Described => ({
  ...descriptor,
  platform: { os: "linux", architecture },
});

/** The data sets by the names that the suite has for them. */
const SETS: Readonly<Record<string, (set: DataSet) => void>> = {
  image: (set) => void set.image({}, { tags: ["image"] }),
  "image-uncompressed": (set) => void set.image({}, { tags: ["image-uncompressed"], gzip: false }),
  "large-manifest": (set) => {
    const annotations = Object.fromEntries(
      Array.from({ length: 390 }, (_, at) => [`org.example.a${at}`, "x".repeat(10_000)]),
    );
    set.image({ annotations }, { tags: ["large"] });
  },
  index: (set) =>
    void set.index([on("amd64", set.image()), on("arm64", set.image())], {}, { tags: ["index", "latest", "v1"] }),
  "nested-index": (set) =>
    void set.index(
      [set.index([on("amd64", set.image())]), set.index([on("arm64", set.image())])],
      {},
      { tags: ["nested"] },
    ),
  "empty-index": (set) => void set.index([], {}, { tags: ["empty-index"] }),
  artifact: (set) => void set.artifact({}, { tags: ["artifact"] }),
  "artifact-index": (set) =>
    void set.index(
      [set.artifact(), set.artifact()],
      { artifactType: "application/vnd.example.list" },
      { tags: ["artifacts"] },
    ),
  "artifact-without-layers": (set) =>
    void set.artifact({ layers: [set.blob(EMPTY, Buffer.from("{}"))] }, { tags: ["no-layers"] }),
  "artifacts-with-subject": (set) => {
    const subject = set.image({}, { tags: ["subject"] });
    set.artifact({ subject, annotations: { "org.example.a": "1" } });
    set.artifact({
      subject,
      artifactType: "application/vnd.example.other",
      annotations: { "org.example.b": "2", "org.example.c": "" },
    });
    set.artifact({
      subject,
      artifactType: undefined,
      config: set.blob("application/vnd.example.config", Buffer.from("{}")),
    });
  },
  "index-with-subject": (set) => {
    const subject = set.image({}, { tags: ["subject"] });
    set.index([set.artifact()], {
      subject,
      artifactType: "application/vnd.example.list",
      annotations: { "org.example.a": "1" },
    });
  },
  "missing-subject": (set) => {
    const subject = { mediaType: OCI_MANIFEST, digest: digestOf(randomBytes(8)), size: 123 };
    set.artifact({ subject }, { tags: ["missing-subject"] });
  },
  "data-field": (set) => void set.image({}, { tags: ["data"], data: true }),
  "non-distributable-layers": (set) => {
    const layers = [1, 2].map(() => ({
      ...set.blob("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", randomBytes(32), { pushed: false }),
      urls: ["https://layers.example.com/a"],
    }));
    set.image({ layers }, { tags: ["foreign"] });
  },
  "custom-fields": (set) => {
    const image = set.image({ "org.example.extra": { deep: [true, null] } }, { custom: true });
    set.index([{ ...image, "org.example.extra": "x" }], { "org.example.extra": 1.5 }, { tags: ["custom"] });
  },
  "no-layers": (set) => void set.image({ layers: [] }, { tags: ["none"] }),
  sparse: (set) => {
    set.image({ layers: [set.blob(`${LAYER}+gzip`, randomBytes(16), { pushed: false })] }, { tags: ["sparse-image"] });
    set.index(
      [on("amd64", set.image()), on("arm64", set.image({}, { pushed: false }))],
      {},
      { tags: ["sparse-index"] },
    );
  },
};

/** Every data set's case: push, list, head, pull, referrers, delete. */
export function dataSetCases(): Case[] {
  const cases: Case[] = [];
  const add = (
    name: string,
    fill: (set: DataSet) => void,
    algorithm: Algorithm = "sha256",
    tagParameters = false,
  ): void => {
    const set = new DataSet(algorithm);
    fill(set);
    cases.push({ name: `data/${name}`, steps: stepsOf(set, tagParameters) });
  };
  for (const [name, fill] of Object.entries(SETS)) add(name, fill);
  add("sha512", (set) => void set.index([on("amd64", set.image()), on("arm64", set.image())]), "sha512");
  add("tag-param-sha256", (set) => void set.image({}, { tags: ["b", "a", "A", "0", "1.2.3", "_x"] }), "sha256", true);
  add("tag-param-sha512", (set) => void set.image({}, { tags: ["one", "two"] }), "sha512", true);
  const bad = new DataSet();
  bad.image();
  const { bytes, descriptor } = bad.documents[0]!;
  cases.push({
    name: "data/bad-digest-image",
    steps: [
      {
        ...put(descriptor.digest, Buffer.concat([bytes, Buffer.from("  ")])),
        status: 400,
        has: {},
        error: "DIGEST_INVALID",
      },
      { send: `HEAD /v2/{R1}/manifests/${descriptor.digest}`, status: 404 },
    ],
  });
  return cases;
}

/** PUT of a document under a name. */
export const put = (name: string, bytes: Uint8Array, mediaType: string = OCI_MANIFEST): Step => ({
  send: `PUT /v2/{R1}/manifests/${name}`,
  headers: { "content-type": mediaType },
  body: bytes,
  status: 201,
  has: { location: /./ },
});

function stepsOf(set: DataSet, tagParameters: boolean): Step[] {
  const pushes = Object.values(PUSHES);
  const path = "/v2/{R1}/manifests";
  const tagged = set.documents.flatMap((document) => document.tags.map((tag) => ({ tag, document })));
  const has = ({ descriptor }: Document): Record<string, string> => ({
    "content-type": descriptor.mediaType,
    "docker-content-digest": descriptor.digest,
    "content-length": String(descriptor.size),
    etag: `"${descriptor.digest}"`,
  });
  return [
    ...set.blobs.flatMap(({ bytes, digest }, at) => pushes[at % pushes.length]!(bytes, digest)),
    ...set.documents.flatMap((document): Step[] => {
      const { bytes, descriptor, subject, tags } = document;
      const answers = { location: /./, "docker-content-digest": descriptor.digest, "oci-subject": subject ?? null };
      const query = tagParameters ? `?${tags.map((tag) => `tag=${tag}`).join("&")}` : "";
      const follow: Step = { send: "GET {location}", status: 200, bytes, has: has(document) };
      return [
        {
          ...put(`${descriptor.digest}${query}`, bytes, descriptor.mediaType),
          has: { ...answers, "oci-tag": tagParameters ? tags.join(", ") : null },
        },
        follow,
        ...(tagParameters ? [] : tags).flatMap((tag) => [
          { ...put(tag, bytes, descriptor.mediaType), has: answers },
          follow,
        ]),
      ];
    }),
    ...tagListSteps(tagged.map(({ tag }) => tag)),
    ...tagged.flatMap(({ tag, document }): Step[] => [
      { send: `HEAD ${path}/${tag}`, status: 200, has: has(document) },
      { send: `GET ${path}/${tag}`, status: 200, has: has(document), bytes: document.bytes },
    ]),
    ...set.documents.flatMap((document): Step[] => [
      { send: `HEAD ${path}/${document.descriptor.digest}`, status: 200, has: has(document) },
      { send: `GET ${path}/${document.descriptor.digest}`, status: 200, has: has(document), bytes: document.bytes },
    ]),
    ...set.blobs.flatMap(({ bytes, digest }): Step[] => [
      { send: `HEAD /v2/{R1}/blobs/${digest}`, status: 200, has: { "content-length": String(bytes.length) } },
      { send: `GET /v2/{R1}/blobs/${digest}`, status: 200, bytes },
    ]),
    ...referrerSteps(set),
    ...tagged.flatMap(({ tag }): Step[] => [
      { send: `DELETE ${path}/${tag}`, status: 202 },
      { send: `HEAD ${path}/${tag}`, status: 404 },
    ]),
    ...[...set.documents].reverse().flatMap(({ descriptor }): Step[] => [
      { send: `DELETE ${path}/${descriptor.digest}`, status: 202 },
      { send: `HEAD ${path}/${descriptor.digest}`, status: 404 },
    ]),
    ...set.blobs.flatMap(({ digest }): Step[] => [
      { send: `DELETE /v2/{R1}/blobs/${digest}`, status: 202 },
      { send: `HEAD /v2/{R1}/blobs/${digest}`, status: 404 },
    ]),
  ];
}

function tagListSteps(tags: readonly string[]): Step[] {
  if (tags.length === 0) return [];
  const sorted = [...tags].sort();
  const median = sorted[Math.floor((sorted.length - 1) / 2)]!;
  const list = "GET /v2/{R1}/tags/list";
  return [
    { send: list, status: 200, check: (all) => expectSame(all.tags, sorted) },
    {
      send: `${list}?last=${median}`,
      status: 200,
      check: (all) =>
        expectSame(
          all.tags,
          sorted.filter((tag) => tag > median),
        ),
    },
  ];
}

function referrerSteps(set: DataSet): Step[] {
  const subjects = new Map<string, Document[]>();
  for (const document of set.documents)
    if (document.subject !== undefined)
      subjects.set(document.subject, [...(subjects.get(document.subject) ?? []), document]);
  return [...subjects].flatMap(([subject, referrers]): Step[] => {
    const entries = referrers.map(({ bytes, descriptor }) => {
      const { artifactType, config, annotations } = JSON.parse(bytes.toString()) as Record<string, unknown>;
      return {
        ...descriptor,
        artifactType: artifactType ?? (config as Described).mediaType,
        ...(annotations === undefined ? {} : { annotations }),
      };
    });
    const sortedBy = (type?: unknown): unknown[] =>
      entries
        .filter((entry) => type === undefined || entry.artifactType === type)
        .sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const list = `GET /v2/{R1}/referrers/${subject}`;
    const index = { schemaVersion: 2, mediaType: OCI_INDEX };
    return [
      {
        send: list,
        status: 200,
        has: { "content-type": OCI_INDEX, "oci-filters-applied": null },
        json: { ...index, manifests: sortedBy() },
      },
      ...[...new Set(entries.map((entry) => entry.artifactType)), "application/x-none"].map(
        (type): Step => ({
          send: `${list}?artifactType=${encodeURIComponent(type as string)}`,
          status: 200,
          has: { "content-type": OCI_INDEX, "oci-filters-applied": "artifactType" },
          json: { ...index, manifests: sortedBy(type) },
        }),
      ),
    ];
  });
}

function expectSame(got: unknown, wanted: readonly string[]): void {
  if (JSON.stringify(got) !== JSON.stringify(wanted))
    throw new Error(`got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}
