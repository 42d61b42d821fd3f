import { GantryError } from "../errors.js";
import { type Digest, parseDigest } from "./digest.js";
import { nearest } from "./nearest.js";
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
  if (transport === undefined) return bareName(text, head);
  const rest = text.slice(colon + 1);
  switch (transport) {
    case "docker": {
      // `docker:5000/x` would be a host named "docker": only `docker://` is the transport.
      if (!rest.startsWith("//")) {
        if (/^\d+\//.test(rest)) return { transport, reference: withDefaultTag(parseReference(text)), text };
        throw invalid(
          text,
          "docker: needs two slashes",
          `Write docker://HOST/REPOSITORY:TAG; the image called docker is docker.io/library/${text}.`,
        );
      }
      return { transport, reference: withDefaultTag(parseReference(rest.slice(2))), text };
    }
    case "local":
      return { transport, reference: withDefaultTag(parseReference(rest)), text };
    case "oci":
    case "oci-archive":
    case "docker-archive": {
      const { path, ref } = splitPath(text, transport, rest);
      if (transport === "oci" && path === "-") throw noStream(text, transport);
      return { transport, path, ...(ref === undefined ? {} : { ref }), text };
    }
    case "dir":
      if (rest === "") throw invalid(text, "the path is missing", "Write dir:PATH.");
      if (rest === "-") throw noStream(text, transport);
      return { transport, path: rest, text };
    case "docker-daemon":
      if (rest === "")
        throw invalid(text, "the name is missing", "Write docker-daemon:NAME:TAG or docker-daemon:sha256:ID.");
      // A cut-off id must not become the tag of an image called sha256.
      return /^sha(?:256|512):/.test(rest)
        ? { transport, id: parseDigest(rest, text), text }
        : { transport, reference: withDefaultTag(parseReference(rest)), text };
    case "containers-storage": {
      const match = /^\[(?:(?<driver>[a-z0-9_-]+)@)?(?<root>[^\]]*)\](?<name>.*)$/.exec(rest);
      if (match === null && rest.startsWith("["))
        throw invalid(text, "the bracket is not closed", "Write containers-storage:[DRIVER@ROOT]NAME.");
      const name = match?.groups?.["name"] ?? rest;
      if (name === "") throw invalid(text, "the name is missing", "Write containers-storage:[DRIVER@ROOT]NAME.");
      const { driver, root } = match?.groups ?? {};
      return { transport, ...(driver ? { driver } : {}), ...(root ? { root } : {}), name, text };
    }
  }
}

/**
 * A name without a transport belongs to a registry, unless it looks like a file or a mistyped transport: those are
 * questions, for a push to Docker Hub would be a wrong answer. `docker://` says that the name is meant.
 */
function bareName(text: string, head: string): ImageName {
  const scheme = /^([a-z][a-z0-9+.-]{0,30}):\/\//i.exec(text)?.[1];
  const meant = head === "" ? undefined : nearest(head, TRANSPORTS);
  if (scheme !== undefined) throw unknownScheme(text, scheme);
  if (/^(?:\.{0,2}|~|[A-Za-z]:)[\\/]/.test(text) || text === "." || text === "..")
    throw invalid(text, "a path needs a transport", `Did you mean oci:${text}?`);
  if (ARCHIVE.test(text) && !namesHost(text))
    throw invalid(
      text,
      "a file needs a transport",
      `Did you mean docker-archive:${text} or oci-archive:${text}? A registry's image of that name is docker://${text}.`,
    );
  // `oci-archiv:x` is a good name for Docker; nobody means it.
  if (meant?.includes("-") && !head.includes("/"))
    throw invalid(
      text,
      `unknown transport "${head}"`,
      `Did you mean ${meant}:? The image of that name is docker://${text}.`,
    );
  try {
    return { transport: "docker", reference: withDefaultTag(parseReference(text)), text };
  } catch (error) {
    if (meant === undefined || !GantryError.is(error)) throw error;
    throw invalid(text, `unknown transport "${head}"`, `Did you mean ${meant}:?`);
  }
}

const ARCHIVE = /\.(?:tar|tgz|tar\.gz|tar\.zst)(?::|$)/;

/** True when the first part can only be a registry, so that the rest cannot be a path. */
function namesHost(text: string): boolean {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(0, slash));
  return first === "localhost" || /[.:]/.test(first);
}

/** The text is repeated only when it cannot hold a password, as a URL with user information does. */
function unknownScheme(text: string, scheme: string): GantryError {
  const shown = text.includes("@") ? `${scheme}://…` : text;
  const web = /^https?$/i.test(scheme);
  const meant = nearest(scheme, TRANSPORTS);
  return invalid(
    shown,
    `unknown transport "${scheme}"`,
    web
      ? `Leave ${scheme}:// out; --tls-verify=false allows plain HTTP.`
      : `${meant === undefined ? "" : `Did you mean ${meant}:${meant === "docker" ? "//" : ""}? `}Transports are ${TRANSPORTS.join(", ")}.`,
  );
}

function noStream(text: string, transport: Transport): GantryError {
  return invalid(text, `${transport}: is a directory and cannot be a stream`, "Use oci-archive:- or docker-archive:-.");
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
