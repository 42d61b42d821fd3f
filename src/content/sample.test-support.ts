import { type Descriptor, encodeJson, type ImageConfig, MEDIA_TYPES, type Platform } from "../spec/index.js";
import { bytesBody, digestOf } from "../streams/index.js";
import type { MemoryStore } from "./memory-store.js";

/** Text as bytes. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The descriptor of bytes. */
export const descriptorOf = (bytes: Uint8Array, mediaType: string): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

/** Puts a blob. */
export async function putBlob(
  store: MemoryStore,
  text: string,
  mediaType: string = MEDIA_TYPES.ociLayer,
): Promise<Descriptor> {
  const bytes = utf8(text);
  return (await store.writer.putBlob(descriptorOf(bytes, mediaType), bytesBody(bytes))).descriptor;
}

/** Puts a document made of a value. */
export async function putDocument(
  store: MemoryStore,
  value: object,
  mediaType: string,
  tags: string[] = [],
): Promise<Descriptor> {
  const bytes = encodeJson(value);
  return (await store.writer.putManifest(bytes, descriptorOf(bytes, mediaType), { tags })).descriptor;
}

/** Puts an image with these layers; its config names the platform. */
export async function putImage(
  store: MemoryStore,
  options: { layers?: string[]; platform?: Platform; tags?: string[]; extra?: object } = {},
): Promise<Descriptor> {
  const value: ImageConfig = {
    ...(options.platform ?? { os: "linux", architecture: "amd64" }),
    rootfs: { type: "layers", diff_ids: [] },
  };
  const config = await putBlob(store, JSON.stringify(value), MEDIA_TYPES.ociConfig);
  const layers: Descriptor[] = [];
  for (const layer of options.layers ?? ["a layer"]) layers.push(await putBlob(store, layer));
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociManifest, config, layers, ...options.extra };
  return await putDocument(store, manifest, MEDIA_TYPES.ociManifest, options.tags);
}

/** Puts an index of these. */
export async function putIndex(store: MemoryStore, manifests: Descriptor[], tags: string[] = []): Promise<Descriptor> {
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests };
  return await putDocument(store, index, MEDIA_TYPES.ociIndex, tags);
}
