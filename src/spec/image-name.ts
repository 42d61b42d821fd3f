import { GantryError } from "../errors.js";
import { type Digest, isDigest } from "./digest.js";
import { formatReference, parseReference, type Reference, withDefaultTag } from "./reference.js";

/** An image name of any transport (design.md, section 4). `text` is what the user wrote. */
export type ImageName =
  | { readonly transport: "docker"; readonly reference: Reference; readonly text: string }
  | { readonly transport: "local"; readonly reference: Reference; readonly text: string }
  | {
      readonly transport: "oci" | "oci-archive" | "docker-archive";
      readonly path: string;
      readonly ref?: string;
      readonly text: string;
    }
  | { readonly transport: "dir"; readonly path: string; readonly text: string }
  | { readonly transport: "docker-daemon"; readonly reference?: Reference; readonly id?: Digest; readonly text: string }
  | {
      readonly transport: "containers-storage";
      readonly driver?: string;
      readonly root?: string;
      readonly name: string;
      readonly text: string;
    };

/** The transports that a name can start with. */
export const TRANSPORTS = [
  "docker",
  "local",
  "oci",
  "oci-archive",
  "docker-archive",
  "dir",
  "docker-daemon",
  "containers-storage",
] as const;

/** One of the transports. */
export type Transport = (typeof TRANSPORTS)[number];

/**
 * Reads an image name. A name without a transport is a registry's; once a transport is written its details have to
 * parse, for a typo in a path must never become a push to a registry.
 *
 * @throws GantryError IMAGE_NAME_INVALID, REFERENCE_INVALID, DIGEST_INVALID
 */
export function parseImageName(text: string): ImageName {
  if (text.trim() === "") throw new GantryError("IMAGE_NAME_INVALID", "the image name is empty");
  const colon = text.indexOf(":");
  const head = colon === -1 ? "" : text.slice(0, colon);
  const transport = (TRANSPORTS as readonly string[]).includes(head) ? (head as Transport) : undefined;
  if (transport === undefined) {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
    if (scheme !== undefined)
      throw invalid(
        text,
        `unknown transport "${scheme}"`,
        `Transports are ${TRANSPORTS.join(", ")}; a registry name has no scheme or docker://.`,
      );
    return { transport: "docker", reference: withDefaultTag(parseReference(text)), text };
  }
  const rest = text.slice(colon + 1);
  switch (transport) {
    case "docker": {
      // `docker:5000/x` would be a host named "docker": only `docker://` is the transport.
      if (!rest.startsWith("//")) {
        if (/^\d+\//.test(rest)) return { transport, reference: withDefaultTag(parseReference(text)), text };
        throw invalid(text, "docker: needs two slashes", "Write docker://HOST/REPOSITORY:TAG.");
      }
      return { transport, reference: withDefaultTag(parseReference(rest.slice(2))), text };
    }
    case "local":
      return { transport, reference: withDefaultTag(parseReference(rest)), text };
    case "oci":
    case "oci-archive":
    case "docker-archive": {
      const { path, ref } = splitPath(text, transport, rest);
      return { transport, path, ...(ref === undefined ? {} : { ref }), text };
    }
    case "dir":
      if (rest === "") throw invalid(text, "the path is missing", "Write dir:PATH.");
      return { transport, path: rest, text };
    case "docker-daemon":
      if (rest === "")
        throw invalid(text, "the name is missing", "Write docker-daemon:NAME:TAG or docker-daemon:sha256:ID.");
      return isDigest(rest)
        ? { transport, id: rest, text }
        : { transport, reference: withDefaultTag(parseReference(rest)), text };
    case "containers-storage": {
      const match = /^\[(?:(?<driver>[a-z0-9_-]+)@)?(?<root>[^\]]*)\](?<name>.*)$/.exec(rest);
      const name = match?.groups?.["name"] ?? rest;
      if (name === "") throw invalid(text, "the name is missing", "Write containers-storage:[DRIVER@ROOT]NAME.");
      const { driver, root } = match?.groups ?? {};
      return { transport, ...(driver ? { driver } : {}), ...(root ? { root } : {}), name, text };
    }
  }
}

/** The name in full, as messages and reports print it; the registry's transport is not written. */
export function formatImageName(name: ImageName): string {
  return name.transport === "docker"
    ? formatReference(name.reference)
    : name.transport === "local"
      ? `local:${formatReference(name.reference)}`
      : name.text;
}

// A reference in a layout may hold colons itself (`oci:dir:localhost:5000/a:1`), so the path ends at the first one
// (containers-transports(5)). A Windows drive letter keeps its colon.
function splitPath(text: string, transport: Transport, rest: string): { path: string; ref?: string } {
  const from = /^[A-Za-z]:[\\/]/.test(rest) ? 2 : 0;
  const colon = rest.indexOf(":", from);
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const ref = colon === -1 ? undefined : rest.slice(colon + 1);
  if (path === "") throw invalid(text, "the path is missing", `Write ${transport}:PATH[:REF].`);
  if (ref === "")
    throw invalid(text, "nothing follows the last colon", `Write ${transport}:PATH or ${transport}:PATH:REF.`);
  return ref === undefined ? { path } : { path, ref };
}

function invalid(text: string, why: string, hint: string): GantryError {
  return new GantryError("IMAGE_NAME_INVALID", `invalid image name ${JSON.stringify(text)}: ${why}`, { hint });
}
