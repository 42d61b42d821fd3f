import { GantryError } from "../../errors.js";
import { ANNOTATIONS, type Descriptor, type ImageIndex } from "../../spec/index.js";

/** The names that an entry of index.json answers to: its own, and the full one that containerd and BuildKit add. */
export function namesOf(entry: Descriptor): readonly string[] {
  const own = nameOf(entry);
  const full = entry.annotations?.[ANNOTATIONS.containerdImageName];
  return [...(own === undefined ? [] : [own]), ...(full === undefined || full === "" || full === own ? [] : [full])];
}

/** The reference name of an entry (image-layout.md, "index.json": `org.opencontainers.image.ref.name`). */
export function nameOf(entry: Descriptor): string | undefined {
  return entry.annotations?.[ANNOTATIONS.refName] || undefined;
}

/**
 * Checks a name before it is written (image-layout.md's grammar of `ref.name`; a leading underscore is a tag's, brackets
 * are an IPv6 host's). The empty name is the image without one.
 *
 * @throws GantryError REFERENCE_INVALID
 */
export function checkName(name: string): void {
  if (name === "" || (name.length <= 4096 && /^[A-Za-z0-9_[][A-Za-z0-9._:@+/[\]-]*$/.test(name))) return;
  throw new GantryError(
    "REFERENCE_INVALID",
    `invalid name ${JSON.stringify(name.slice(0, 160))} for an image in a layout`,
    {
      hint: "Letters, digits and . _ - : @ + / are allowed.",
    },
  );
}

/** Every entry that `name` means: those with that reference name, else those with that full name. */
export function entriesNamed(index: ImageIndex, name: string): readonly Descriptor[] {
  const own = index.manifests.filter((entry) => nameOf(entry) === name);
  return own.length > 0 ? own : index.manifests.filter((entry) => namesOf(entry).includes(name));
}

/** True for an entry that no name finds. */
export const isUnnamed = (entry: Descriptor): boolean => namesOf(entry).length === 0;

/** The index with `name` pointing at `target`. Every other entry, the order and unknown fields stay as they are. */
export function withName(index: ImageIndex, name: string, target: Descriptor): ImageIndex {
  const first = index.manifests.findIndex((entry) => nameOf(entry) === name);
  const old = index.manifests[first];
  // The full name beside a reference name (BuildKit writes both) still means the same image after its tag has moved.
  const full = old?.annotations?.[ANNOTATIONS.containerdImageName];
  const entry: Descriptor = {
    ...target,
    annotations: {
      ...(full === undefined ? {} : { [ANNOTATIONS.containerdImageName]: full }),
      [ANNOTATIONS.refName]: name,
    },
  };
  // What was reachable without a name only, and has one now, needs no second entry.
  const spare =
    first === -1
      ? index.manifests.findIndex((entry) => entry.digest === target.digest && isBare(entry))
      : index.manifests.findIndex((entry, at) => at !== first && entry.digest === target.digest && isBare(entry));
  const place = first === -1 ? spare : first;
  const manifests = index.manifests.flatMap((existing, at) => {
    if (at === place) return [entry];
    if (at === spare || nameOf(existing) === name) return [];
    return [existing];
  });
  if (place === -1) manifests.push(entry);
  return { ...index, manifests };
}

/** The index with an entry that keeps `target` reachable; unchanged where it has one. */
export function withUnnamed(index: ImageIndex, target: Descriptor): ImageIndex {
  if (index.manifests.some((entry) => entry.digest === target.digest)) return index;
  return { ...index, manifests: [...index.manifests, target] };
}

/**
 * True for an entry that is there for another one's sake: cosign's `sha256-HEX.sig`, `.att` and `.sbom`, and the list of
 * referrers `sha256-HEX`, also as the tag of a whole reference. Whoever names no image does not mean these.
 */
export const isAttachedName = (entry: Descriptor): boolean =>
  namesOf(entry).some((name) => /(?:^|:)sha(?:256|512)-[0-9a-f]{64,128}(?:\.(?:sig|att|sbom))?$/.test(name));

/** What an entry says of its content, without what one layout or one parent says of it. */
export function entryFor(descriptor: Descriptor, artifactType?: string): Descriptor {
  const type = artifactType ?? descriptor.artifactType;
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(descriptor.platform === undefined ? {} : { platform: descriptor.platform }),
  };
}

function isBare(entry: Descriptor): boolean {
  return Object.keys(entry.annotations ?? {}).length === 0;
}
