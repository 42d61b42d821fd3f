import { isAbsolute, resolve } from "node:path";
import type { Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Digest, formatReference, type ImageName, parseImageName, type Reference } from "../spec/index.js";
import { openLayout } from "../stores/layout/index.js";
import type { LocalStore } from "../stores/local/index.js";
import type { Hosts } from "./hosts.js";

/** A store with the name inside it that was asked for. */
export interface Opened {
  readonly store: Store;
  /** The name inside the store: a tag, a reference name, a digest. Undefined: none was given. */
  readonly ref: string | undefined;
  /** The digest that the name was pinned to. */
  readonly pinned: Digest | undefined;
  /** The name in full, for people. */
  readonly name: string;
}

/** What opening needs. */
export interface Opening {
  readonly hosts: Hosts;
  readonly local: () => Promise<LocalStore>;
  readonly cwd: string;
  readonly side: "source" | "destination";
  /** Opened for writing: made when it is not there, and tokens are asked for both. */
  readonly write: boolean;
}

/**
 * Opens the store that an image name speaks of.
 *
 * @throws GantryError IMAGE_NAME_INVALID, REFERENCE_INVALID, FILE_NOT_FOUND, UNSUPPORTED
 */
export async function openStore(text: string, opening: Opening): Promise<Opened> {
  const pinnedLayout = /^((?:oci|local):.+)@(sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))$/.exec(text);
  // In a layout the digest follows the path; a registry's own grammar has it already.
  if (pinnedLayout !== null && !opening.write && text.startsWith("oci:")) {
    const [, name = "", digest = ""] = pinnedLayout;
    return { ...(await openName(parseImageName(name), opening)), ref: digest, pinned: digest as Digest, name: text };
  }
  return openName(parseImageName(text), opening);
}

async function openName(name: ImageName, opening: Opening): Promise<Opened> {
  const { hosts, local, cwd, side, write } = opening;
  switch (name.transport) {
    case "docker": {
      const { host, repository } = name.reference;
      const store = (await hosts.host(host, side)).repository(repository, { access: write ? "write" : "read" });
      return { store, name: formatReference(name.reference), ...refOf(name.reference, write) };
    }
    case "local":
      return {
        store: (await local()).store,
        name: `local:${formatReference(name.reference)}`,
        ...localRef(name.reference, write),
      };
    case "oci": {
      const path = isAbsolute(name.path) ? name.path : resolve(cwd, name.path);
      const store = await openLayout(path, { create: write, location: `oci:${name.path}` });
      // A layout's root has to be reachable from its index even without a name: "" is an entry without one.
      return { store, ref: name.ref ?? "", pinned: undefined, name: name.text };
    }
    default:
      throw new GantryError("UNSUPPORTED", `${name.transport}: is not supported yet`, {
        where: name.text,
        hint: "This version reads and writes registries (docker://), OCI layouts (oci:) and its own store (local:).",
      });
  }
}

/** For reading a digest wins over the tag beside it; for writing it is what the content has to be. */
function refOf({ tag, digest }: Reference, write: boolean): { ref: string | undefined; pinned: Digest | undefined } {
  return { ref: write ? tag : (digest ?? tag), pinned: digest };
}

/** In gantry's own store names are whole references, without digest. */
function localRef(reference: Reference, write: boolean): { ref: string | undefined; pinned: Digest | undefined } {
  const { digest, ...named } = reference;
  return { ref: !write && digest !== undefined ? digest : formatReference(named), pinned: digest };
}
