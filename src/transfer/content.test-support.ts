import type { Store } from "../content/index.js";
import { type Descriptor, encodeJson, MEDIA_TYPES } from "../spec/index.js";
import { bytesBody, digestOf } from "../streams/index.js";

/** Puts a blob of any type. */
export async function addBlob(store: Store, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.writer!.putBlob(descriptor, bytesBody(bytes));
  return descriptor;
}

/** Puts a document, under tags when there are some. */
export async function addDocument(
  store: Store,
  mediaType: string,
  value: object,
  tags: readonly string[] = [],
): Promise<Descriptor> {
  const bytes = encodeJson(value);
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.writer!.putManifest(bytes, descriptor, tags.length === 0 ? {} : { tags });
  return descriptor;
}

/** An image whose layers are made of its seed; `layerBytes` long each. */
export async function addImage(
  store: Store,
  seed: string,
  { layers = 2, layerBytes = 3000, tags = [] }: ImageOptions = {},
): Promise<Descriptor> {
  const config = await addBlob(
    store,
    MEDIA_TYPES.ociConfig,
    encodeJson({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] }, seed }),
  );
  const made: Descriptor[] = [];
  for (let at = 0; at < layers; at++) {
    const bytes = new Uint8Array(Buffer.alloc(layerBytes, `${seed} layer ${at} `));
    made.push(await addBlob(store, MEDIA_TYPES.ociLayerGzip, bytes));
  }
  return addDocument(
    store,
    MEDIA_TYPES.ociManifest,
    { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers: made },
    tags,
  );
}

interface ImageOptions {
  readonly layers?: number;
  readonly layerBytes?: number;
  readonly tags?: readonly string[];
}

/** An index of what is there already. */
export async function addIndex(
  store: Store,
  manifests: readonly Descriptor[],
  more: { readonly subject?: Descriptor; readonly tags?: readonly string[] } = {},
): Promise<Descriptor> {
  const { subject, tags = [] } = more;
  return addDocument(
    store,
    MEDIA_TYPES.ociIndex,
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: manifests.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      ...(subject === undefined ? {} : { subject: bare(subject) }),
    },
    tags,
  );
}

/** Something that speaks of a subject, or of nothing, as what lies under cosign's tags. */
export async function addArtifact(
  store: Store,
  seed: string,
  { subject, type = "application/vnd.example+json", tags = [] }: ArtifactOptions = {},
): Promise<Descriptor> {
  const config = await addBlob(store, MEDIA_TYPES.ociEmpty, new TextEncoder().encode("{}"));
  const layer = await addBlob(store, "application/octet-stream", new TextEncoder().encode(`content of ${seed}`));
  return addDocument(
    store,
    MEDIA_TYPES.ociManifest,
    {
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      artifactType: type,
      config,
      layers: [layer],
      ...(subject === undefined ? {} : { subject: bare(subject) }),
    },
    tags,
  );
}

interface ArtifactOptions {
  readonly subject?: Descriptor;
  readonly type?: string;
  readonly tags?: readonly string[];
}

const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size });
