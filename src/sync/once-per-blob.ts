import type { Placement, Store, Writer } from "../content/index.js";
import type { Digest } from "../spec/index.js";

/** Images that are brought at the same time mostly share layers; so many that were sent are remembered. */
const MOST_SENT = 20_000;

/**
 * The same store, to which a blob is sent once however many images bring it at the same time: who comes second waits for
 * the first and finds the blob there. When the first fails, the second sends it itself.
 */
export function oncePerBlob(store: Store): Store {
  const { writer } = store;
  if (writer === undefined) return store;
  const under = new Map<Digest, Promise<Placement>>();
  const sent = new Set<Digest>();
  const once: Writer = {
    accepts: writer.accepts,
    putManifest: (bytes, descriptor, options) => writer.putManifest(bytes, descriptor, options),
    async putBlob(blob, body, options) {
      if (blob.digest === undefined) return writer.putBlob(blob, body, options);
      const present: Placement = { how: "present", bytes: 0, descriptor: blob };
      // "ignore" says that the store claims to have it and lies: what was sent here does not count then.
      if (options?.present !== "ignore") {
        if (sent.has(blob.digest)) return present;
        const other = under.get(blob.digest);
        if (other !== undefined && (await arrived(other, options?.signal))) return present;
      }
      const sending = writer.putBlob(blob, body, options);
      under.set(blob.digest, sending);
      try {
        const placement = await sending;
        sent.add(blob.digest);
        if (sent.size > MOST_SENT) sent.delete(sent.values().next().value!);
        return placement;
      } finally {
        if (under.get(blob.digest) === sending) under.delete(blob.digest);
      }
    },
  };
  return {
    location: store.location,
    writer: once,
    resolve: (name, options) => store.resolve(name, options),
    manifest: (descriptor, options) => store.manifest(descriptor, options),
    blob: (descriptor) => store.blob(descriptor),
    exists: (descriptor, options) => store.exists(descriptor, options),
    locations: (descriptor) => store.locations?.(descriptor) ?? [],
    ...(store.repository === undefined ? {} : { repository: store.repository }),
    ...(store.tags === undefined ? {} : { tags: store.tags }),
    ...(store.referrers === undefined ? {} : { referrers: store.referrers }),
    ...(store.remover === undefined ? {} : { remover: store.remover }),
    ...(store.blobSize === undefined
      ? {}
      : { blobSize: (digest, options) => store.blobSize?.(digest, options) ?? Promise.resolve(undefined) }),
  };
}

async function arrived(other: Promise<Placement>, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await other;
    return true;
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}
