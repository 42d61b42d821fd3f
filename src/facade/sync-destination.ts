import { formatReference, isDigest, parseImageName } from "../spec/index.js";
import { destinationName, type DestinationPattern, oncePerBlob, type RemovalPlace } from "../sync/index.js";
import type { Destination } from "../transfer/index.js";
import type { Opened } from "./open-store.js";

/** The repository that the images of one source go to. */
export class SyncDestination {
  /** In full, without a tag. */
  readonly name: string;
  readonly #pattern: DestinationPattern;
  readonly #repository: string;
  readonly #open: (name: string) => Promise<Opened>;
  #opened: Promise<Opened> | undefined;
  #store: Promise<Destination["store"]> | undefined;

  /**
   * @param repository the source's, without a tag
   * @throws GantryError REFERENCE_INVALID, UNSUPPORTED when no name can be made of it
   */
  constructor(pattern: DestinationPattern, repository: string, open: (name: string) => Promise<Opened>) {
    this.#pattern = pattern;
    this.#repository = repository;
    this.#open = open;
    this.name = this.nameOf(PROBE).slice(0, -(PROBE.length + (pattern.suffix ?? "").length + 1));
  }

  nameOf(ref: string): string {
    return destinationName(this.#pattern, { repository: this.#repository, ref });
  }

  /** The name of an image inside the store; undefined where only its digest names it. */
  tagOf(ref: string): string | undefined {
    const name = parseImageName(this.nameOf(ref));
    if (name.transport === "oci") return name.ref;
    if (name.transport === "local") return formatReference(name.reference);
    return name.transport === "docker" ? name.reference.tag : undefined;
  }

  async destinationOf(ref: string): Promise<Destination> {
    this.#store ??= this.#first(ref).then(({ store }) => oncePerBlob(store));
    const tag = isDigest(ref) && !this.name.startsWith("oci:") ? undefined : this.tagOf(ref);
    return { store: await this.#store, name: this.nameOf(ref), ...(tag === undefined ? {} : { tag }) };
  }

  async removal(): Promise<RemovalPlace> {
    const { store } = await this.#first(PROBE);
    const [before = "", after = ""] = (this.tagOf(PROBE) ?? PROBE).split(PROBE);
    return {
      store,
      refOf: (tag) => {
        if (!tag.startsWith(before) || !tag.endsWith(after) || tag.length <= before.length + after.length)
          return undefined;
        const ref = tag.slice(before.length, tag.length - after.length);
        // `other:1.0` in a layout is not the tag `other:1.0` of this repository.
        return ref.includes(":") || ref.includes("/") ? undefined : ref;
      },
      nameOf: (tag) => this.nameOf(tag.slice(before.length, tag.length - after.length)),
    };
  }

  #first(ref: string): Promise<Opened> {
    this.#opened ??= this.#open(this.nameOf(ref)).catch((error: unknown) => {
      this.#opened = undefined;
      this.#store = undefined;
      throw error;
    });
    return this.#opened;
  }
}

/** Stands for a tag where the names around it are asked for. */
const PROBE = "gantry-any-tag";
