import { GantryError } from "../../errors.js";
import {
  type Descriptor,
  type Digest,
  encodeJson,
  type ImageIndex,
  type Manifest,
  MEDIA_TYPES,
} from "../../spec/index.js";
import { bytesBody, digestOf } from "../../streams/index.js";
import type { RepositoryApi } from "./connection.js";
import { nameIn } from "./document.js";
import { pause } from "./patience.js";
import { fallbackTag, readFallback } from "./referrers.js";
import { registryError } from "./registry-error.js";

/** How often another writer's change is merged before giving up. */
const MAX_ROUNDS = 8;

/**
 * Enters a referrer in the index that the tag `sha256-<hex>` names, for registries without the referrers API
 * (distribution-spec 1.1, "Pushing Manifests with Subject"). The tag is read, extended, written and read again: another
 * writer may have come between, and then both entries are merged in another round.
 *
 * @throws GantryError CONFLICT when others kept overwriting it
 */
export async function addToFallback(
  api: RepositoryApi,
  subject: Digest,
  descriptor: Descriptor,
  document: Manifest | ImageIndex,
  signal: AbortSignal | undefined,
): Promise<void> {
  const entry: Descriptor = {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...artifactTypeOf(document),
    ...(document.annotations === undefined ? {} : { annotations: document.annotations }),
  };
  api.connection.book.learn({ referrers: false });
  await inLine(api, subject, () => merge(api, subject, entry, signal));
}

async function merge(
  api: RepositoryApi,
  subject: Digest,
  entry: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const tag = fallbackTag(subject);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const now = await readFallback(api, subject, signal);
    if (now?.manifests.some(({ digest }) => digest === entry.digest) === true) return;
    if (round > 0) await pause(Math.random() * 50 * 2 ** round, signal);
    const bytes = encodeJson({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociIndex,
      manifests: [...(now?.manifests ?? []), entry],
    });
    const response = await api.send({
      method: "PUT",
      to: `manifests/${tag}`,
      headers: {
        "content-type": MEDIA_TYPES.ociIndex,
        ...(now?.etag === undefined ? {} : { "if-match": now.etag }),
      },
      body: bytesBody(bytes),
      signal,
    });
    if (response.status === 412) {
      await response.discard();
      continue;
    }
    if (response.status < 200 || response.status >= 300) {
      throw await registryError(response, { where: `push ${nameIn(api, tag)}`, subject: "upload" });
    }
    await response.discard();
    const after = await readFallback(api, subject, signal);
    if (after?.digest === digestOf(bytes)) return;
  }
  const last = await readFallback(api, subject, signal);
  if (last?.manifests.some(({ digest }) => digest === entry.digest) === true) return;
  throw new GantryError("CONFLICT", "others kept changing the list of referrers", { where: nameIn(api, tag) });
}

/** An artifact without a type of its own has its config's (distribution-spec 1.1, "Listing Referrers"). */
function artifactTypeOf(document: Manifest | ImageIndex): { artifactType?: string } {
  if (document.artifactType !== undefined) return { artifactType: document.artifactType };
  return "config" in document ? { artifactType: document.config.mediaType } : {};
}

/** Writers of this process wait for each other; with those of others {@link merge} merges. */
async function inLine(api: RepositoryApi, subject: Digest, work: () => Promise<void>): Promise<void> {
  const { lines } = api.connection;
  const key = `${api.name}@${subject}`;
  const turn = (lines.get(key) ?? Promise.resolve()).then(work, work);
  lines.set(key, turn);
  try {
    await turn;
  } finally {
    if (lines.get(key) === turn) lines.delete(key);
  }
}
