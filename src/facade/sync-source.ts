import { basename } from "node:path";
import type { Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Digest, formatReference, parseReference } from "../spec/index.js";
import type { Listed } from "../sync/index.js";
import type { Opened } from "./open-store.js";

/** One repository as a source: of a registry, or the names of a layout that begin alike. */
export interface SyncSource {
  /** In full, without a tag: `docker.io/library/alpine`, `oci:./out:app`. */
  readonly name: string;
  /** What destinations make their names from: `docker.io/library/alpine`, `app`. */
  readonly repository: string;
  readonly store: Store;
  /** Exactly these, because the source's name says so. */
  readonly named?: readonly string[];
  list(signal: AbortSignal | undefined): Promise<Listed>;
  /** The name of a tag inside the store, and in full. */
  inside(tag: string): string;
  nameOf(tag: string): string;
}

/** Opens a name as `Gantry` does. */
export type OpenSource = (name: string) => Promise<Opened>;

/**
 * Finds the repositories that a source names: one of a registry; of a layout and of gantry's own store as many as their
 * names speak of.
 *
 * @throws GantryError IMAGE_NAME_INVALID, REFERENCE_INVALID, FILE_NOT_FOUND
 */
export async function syncSources(text: string, open: OpenSource): Promise<readonly SyncSource[]> {
  if (text.startsWith("oci:")) return layoutSources(text, await open(text));
  if (text.startsWith("local:")) return localSources(text, await open(text === "local:" ? "local:any" : text));
  return [await registrySource(text, open)];
}

async function registrySource(text: string, open: OpenSource): Promise<SyncSource> {
  const { tag, digest, ...repository } = parseReference(text.replace(/^docker:\/\//, ""));
  const name = formatReference(repository);
  const { store } = await open(`docker://${name}`);
  const ref = digest ?? tag;
  return {
    name,
    repository: name,
    store,
    ...(ref === undefined ? {} : { named: [ref] }),
    list: async (signal) => ({ all: await tagsOf(store, name, signal), complete: true }),
    inside: (tag) => tag,
    nameOf: (tag) => (isDigestText(tag) ? `${name}@${tag}` : `${name}:${tag}`),
  };
}

async function layoutSources(text: string, { store, ref }: Opened): Promise<readonly SyncSource[]> {
  const path = text.slice("oci:".length).replace(/:.*$/s, "");
  const names = ref === undefined || ref === "" ? await tagsOf(store, text, undefined) : [ref];
  return grouped(names, (name) => splitName(name) ?? { repository: basename(path), tag: name, inside: "" }).map(
    ({ repository, inside, tags }) => ({
      name: inside === "" ? `oci:${path}` : `oci:${path}:${inside.slice(0, -1)}`,
      repository,
      store,
      ...(ref === undefined || ref === "" ? {} : { named: tags }),
      list: async () => ({ all: tags, complete: true }),
      inside: (tag) => `${inside}${tag}`,
      nameOf: (tag) => `oci:${path}:${inside}${tag}`,
    }),
  );
}

async function localSources(text: string, { store }: Opened): Promise<readonly SyncSource[]> {
  const wanted = text === "local:" ? undefined : parseReference(text.slice("local:".length));
  const names = await tagsOf(store, text, undefined);
  const groups = grouped(names, (name) => splitName(name) ?? { repository: name, tag: "latest", inside: `${name}:` });
  const found = groups.filter(
    ({ repository }) =>
      wanted === undefined || repository === formatReference({ host: wanted.host, repository: wanted.repository }),
  );
  if (found.length === 0) {
    throw new GantryError("NOT_FOUND", "gantry's own store has no image of that name", { side: "source", where: text });
  }
  return found.map(({ repository, inside, tags }) => ({
    name: `local:${repository}`,
    repository,
    store,
    ...(wanted?.tag === undefined ? {} : { named: [wanted.tag] }),
    list: async () => ({ all: tags, complete: true }),
    inside: (tag) => `${inside}${tag}`,
    nameOf: (tag) => `local:${inside}${tag}`,
  }));
}

interface Split {
  readonly repository: string;
  readonly tag: string;
  /** What stands before the tag inside the store. */
  readonly inside: string;
}

/** `app:1.0` and `localhost:5000/app:1.0`, but not `1.0`. */
function splitName(name: string): Split | undefined {
  const colon = name.lastIndexOf(":");
  if (colon <= 0 || colon < name.lastIndexOf("/")) return undefined;
  return { repository: name.slice(0, colon), tag: name.slice(colon + 1), inside: name.slice(0, colon + 1) };
}

function grouped(
  names: readonly string[],
  split: (name: string) => Split,
): { repository: string; inside: string; tags: string[] }[] {
  const groups = new Map<string, { repository: string; inside: string; tags: string[] }>();
  for (const name of names) {
    const { repository, tag, inside } = split(name);
    const group = groups.get(inside) ?? { repository, inside, tags: [] };
    group.tags.push(tag);
    groups.set(inside, group);
  }
  return [...groups.values()];
}

async function tagsOf(store: Store, where: string, signal: AbortSignal | undefined): Promise<string[]> {
  if (store.tags === undefined) throw new GantryError("UNSUPPORTED", "this place has no tags", { where });
  const tags: string[] = [];
  for await (const tag of store.tags.list({ signal })) tags.push(tag);
  return tags;
}

const isDigestText = (text: string): text is Digest & string => text.includes(":");
