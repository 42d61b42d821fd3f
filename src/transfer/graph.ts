import { type CallOptions, children, type ContentReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, isDocument, isIndex } from "../spec/index.js";

/** Options of {@link Graph}. */
export interface GraphOptions extends CallOptions {
  /** What indexes name and the transfer leaves where it is: the other platforms of a sparse copy. */
  readonly leaveOut?: ((child: Descriptor) => boolean) | undefined;
}

/** What can be reached from roots, read from their source only as far as somebody asks, and each document once. */
export class Graph {
  readonly root: Descriptor;
  readonly #source: ContentReader;
  readonly #options: GraphOptions;
  readonly #children = new Map<Digest, Promise<readonly Descriptor[]>>();
  readonly #known = new Map<Digest, Descriptor>();

  constructor(source: ContentReader, root: Descriptor, options: GraphOptions) {
    this.#source = source;
    this.root = root;
    this.#options = options;
  }

  /** The children of a node, asked for once however many destinations want to know. */
  children(node: Descriptor): Promise<readonly Descriptor[]> {
    if (!isDocument(node)) return Promise.resolve([]);
    let found = this.#children.get(node.digest);
    if (found === undefined) {
      const { leaveOut, signal } = this.#options;
      found = children(this.#source, node, { signal }).then((all) =>
        leaveOut === undefined || !isIndex(node) ? all : all.filter((child) => !leaveOut(child)),
      );
      this.#children.set(node.digest, found);
    }
    return found;
  }

  /**
   * Walks down from `from`. `enter` answers whether to go below a document; each digest is entered once for each `seen`.
   * Documents come back children first, the order in which a store takes them.
   */
  async walk(
    enter: (node: Descriptor) => Promise<boolean>,
    from: Descriptor = this.root,
    seen: Set<Digest> = new Set(),
  ): Promise<readonly Descriptor[]> {
    const documents: Descriptor[] = [];
    const visit = async (node: Descriptor, depth: number): Promise<void> => {
      if (depth > MAX_DEPTH)
        throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, { where: node.digest });
      this.#agree(node);
      if (seen.has(node.digest)) return;
      seen.add(node.digest);
      if (!(await enter(node))) return;
      const below = await this.children(node);
      // All children at once: what limits the questions is the destination's own limit.
      await Promise.all(below.map((child) => visit(child, depth + 1)));
      if (isDocument(node)) documents.push(node);
    };
    await visit(from, 0);
    return documents;
  }

  /** The documents below a node, itself first. Only indexes are read for it. */
  async documents(from: Descriptor = this.root): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    await this.walk(async (node) => {
      if (isDocument(node)) found.push(node);
      return isIndex(node);
    }, from);
    return found;
  }

  /** As content/walk.ts: two parents that say different things of one digest would be believed in turns. */
  #agree(node: Descriptor): void {
    const before = this.#known.get(node.digest);
    if (before === undefined) {
      if (this.#known.size >= MAX_NODES)
        throw new GantryError("TOO_LARGE", `more than ${MAX_NODES} manifests and blobs`, { where: this.root.digest });
      this.#known.set(node.digest, node);
    } else if (before.size !== node.size) {
      throw new GantryError(
        "SIZE_MISMATCH",
        `${node.digest} is named with ${before.size} and with ${node.size} bytes`,
        {
          side: "source",
          facts: { digest: node.digest, expected: before.size, got: node.size },
        },
      );
    } else if (before.mediaType !== node.mediaType && (isDocument(before) || isDocument(node))) {
      throw new GantryError("MANIFEST_INVALID", `${node.digest} is named ${before.mediaType} and ${node.mediaType}`, {
        side: "source",
      });
    }
  }
}

/** As content/walk.ts. */
const MAX_DEPTH = 16;
const MAX_NODES = 100_000;
