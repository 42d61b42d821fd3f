import { GantryError } from "../errors.js";
import { formatReference, isDigest, isTag, parseReference } from "../spec/index.js";

/** Where images are brought, and how their names there are made. */
export interface DestinationPattern {
  /** `HOST/PATH`, `docker://HOST/PATH`, `oci:PATH`, `local:` or `local:PREFIX`. */
  readonly base: string;
  /**
   * "last": the last part of the source's repository below `base`, as `skopeo sync` does; "scoped": the whole name with
   * its host; "exact": `base` is the repository itself.
   */
  readonly mode: "last" | "scoped" | "exact";
  /** Put behind every tag. */
  readonly suffix?: string | undefined;
}

/** A source's repository and what in it is brought: a tag or a digest. */
export interface SourceName {
  readonly repository: string;
  readonly ref: string;
}

/**
 * The full name of an image at its destination. An image that is named by its digest keeps it and gets no tag.
 *
 * @throws GantryError USAGE, REFERENCE_INVALID
 */
export function destinationName({ base, mode, suffix = "" }: DestinationPattern, source: SourceName): string {
  const folder = base.replace(/\/+$/, "");
  const last = source.repository.slice(source.repository.lastIndexOf("/") + 1);
  const below = mode === "exact" ? "" : mode === "scoped" ? source.repository : last;
  const isPinned = isDigest(source.ref);
  const tag = isPinned ? source.ref : `${source.ref}${suffix}`;
  if (!isPinned && !isTag(tag)) throw new GantryError("REFERENCE_INVALID", `${JSON.stringify(tag)} is not a tag`);
  if (folder.startsWith("oci:")) {
    // Names inside a layout; a digest is no name, so its hex digits stand for it.
    const name = isPinned ? source.ref.replace(":", "-") : tag;
    return below === "" ? `${folder}:${name}` : `${folder}:${below}:${name}`;
  }
  const end = isPinned ? `@${tag}` : `:${tag}`;
  if (folder.startsWith("local:")) {
    const prefix = folder.slice("local:".length);
    if (isPinned) {
      throw new GantryError("USAGE", "gantry's own store keeps names, and a digest is none", {
        where: `${source.repository}@${source.ref}`,
        hint: "Name a tag, or bring it to a registry or a layout.",
      });
    }
    const name = prefix === "" ? source.repository : below === "" ? prefix : `${prefix}/${below}`;
    return `local:${formatReference(parseReference(name + end))}`;
  }
  const plain = folder.replace(/^docker:\/\//, "");
  if (/^[a-z-]+:(?!\d)/.test(plain)) {
    throw new GantryError("UNSUPPORTED", "sync brings images to registries, OCI layouts and gantry's own store", {
      where: base,
      hint: "Write HOST/PATH, oci:PATH or local:.",
    });
  }
  // Docker's rule takes a bare first part for a namespace of Docker Hub: below it, it is one.
  const name = below === "" ? plain : `${plain}/${legalPath(below)}`;
  return formatReference(parseReference(name + end));
}

/** A host with a port inside a path: `localhost:5000/app` cannot stand below another host with its colon. */
const legalPath = (path: string): string => path.toLowerCase().replaceAll(":", "_").replaceAll(/[[\]]/g, "");
