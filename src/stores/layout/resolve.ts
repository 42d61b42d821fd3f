import type { CallOptions, ContentReader } from "../../content/index.js";
import { GantryError } from "../../errors.js";
import {
  type Descriptor,
  type Digest,
  type ImageIndex,
  isDigest,
  MAX_DOCUMENT_BYTES,
  parseDocument,
} from "../../spec/index.js";
import { readAll } from "../../streams/index.js";
import type { BlobFiles } from "./blob-files.js";
import { entriesNamed, entryFor, isAttachedName, isUnnamed, namesOf } from "./index-entries.js";
import type { LayoutReferrers } from "./layout-referrers.js";
import { findNested } from "./reach.js";

/** What a name is looked up in. */
export interface Lookup {
  readonly index: ImageIndex;
  readonly store: ContentReader;
  readonly blobs: BlobFiles;
  readonly referrers: LayoutReferrers;
  readonly where: string;
}

/**
 * What a name means in a layout: a reference name, containerd's full name, a digest (of an entry, of anything that an
 * index in the layout names, or of a document that merely lies there), or `name@digest`, where the digest decides.
 * The empty name is the image of a layout that holds one: its only entry, or the only one that has neither name nor
 * subject.
 *
 * @throws GantryError MANIFEST_UNKNOWN with the names that there are, CONFLICT when a name means several things
 */
export async function resolveName(lookup: Lookup, name: string, options?: CallOptions): Promise<Descriptor> {
  if (name === "") return entryFor(await onlyEntry(lookup, options));
  const digest = name.slice(name.lastIndexOf("@") + 1);
  if (isDigest(digest)) {
    const found =
      (await findNested(lookup.store, lookup.index.manifests, digest, options)) ?? (await sniff(lookup.blobs, digest));
    if (found === undefined) throw unknownName(lookup.index, name, lookup.where);
    return entryFor(found);
  }
  const [entry, ...others] = entriesNamed(lookup.index, name);
  if (entry === undefined) throw unknownName(lookup.index, name, lookup.where);
  if (others.some((other) => other.digest !== entry.digest)) {
    throw new GantryError("CONFLICT", `${others.length + 1} entries of the layout are called ${JSON.stringify(name)}`, {
      where: lookup.where,
      hint: `Name one by its digest: ${[entry, ...others].map((each) => each.digest).join(", ")}.`,
    });
  }
  return entryFor(entry);
}

/** The entries that neither a name nor a subject leads to: images put without a name. */
export async function unnamedRoots(lookup: Lookup, options?: CallOptions): Promise<readonly Descriptor[]> {
  const roots: Descriptor[] = [];
  for (const entry of lookup.index.manifests) {
    if (isUnnamed(entry) && (await lookup.referrers.referring(entry, options)) === undefined) roots.push(entry);
  }
  return roots;
}

async function onlyEntry(lookup: Lookup, options?: CallOptions): Promise<Descriptor> {
  const { manifests } = lookup.index;
  const [only] = manifests;
  if (manifests.length === 1 && only !== undefined) return only;
  const unnamed = await unnamedRoots(lookup, options);
  if (unnamed.length === 1) return unnamed[0]!;
  // One image under several names, with or without its referrers beside it, is still one.
  const referred = await Promise.all(manifests.map((entry) => lookup.referrers.referring(entry, options)));
  const images = manifests.filter((entry, at) => referred[at] === undefined && !isAttachedName(entry));
  if (images[0] !== undefined && images.every((each) => each.digest === images[0]!.digest)) return images[0];
  if (manifests.length === 0) {
    throw new GantryError("MANIFEST_UNKNOWN", "the layout holds no image", { where: lookup.where });
  }
  throw new GantryError("MANIFEST_UNKNOWN", `the layout holds ${manifests.length} entries, and none was named`, {
    where: lookup.where,
    hint: namesHint(lookup.index),
  });
}

async function sniff(blobs: BlobFiles, digest: Digest): Promise<Descriptor | undefined> {
  const size = await blobs.size(digest);
  if (size === undefined || size > MAX_DOCUMENT_BYTES) return undefined;
  const bytes = await readAll(blobs.body({ mediaType: "", digest, size }, "").open(), MAX_DOCUMENT_BYTES);
  try {
    return { mediaType: parseDocument(bytes).mediaType, digest, size };
  } catch {
    return undefined;
  }
}

/** The error for a name that a layout does not have; its hint tells those it has. */
export function unknownName(index: ImageIndex, name: string, where: string): GantryError {
  return new GantryError(
    "MANIFEST_UNKNOWN",
    `the layout has no ${name === "" ? "image without a name" : JSON.stringify(name)}`,
    {
      where,
      hint: namesHint(index),
    },
  );
}

function namesHint(index: ImageIndex): string {
  const names = [...new Set(index.manifests.flatMap((entry) => namesOf(entry)))];
  const unnamed = index.manifests.filter(isUnnamed);
  if (names.length === 0 && unnamed.length === 0) return "It is empty.";
  const shown = [...names, ...unnamed.map((entry) => entry.digest)].slice(0, 10);
  const more = names.length + unnamed.length - shown.length;
  return `Names there: ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}
