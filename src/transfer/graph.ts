import { type CallOptions, children, type ContentReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, isDocument } from "../spec/index.js";

/** What can be reached from a root, each digest once, read from its source only as far as somebody asks. */
export class Graph {
  readonly root: Descriptor;
  readonly #source: ContentReader;
  readonly #options: CallOptions;
  readonly #children = new Map<Digest, Promise<readonly Descriptor[]>>();

  constructor(source: ContentReader, root: Descriptor, options: CallOptions) {
    this.#source = source;
    this.root = root;
    this.#options = options;
  }

  /** The children of a node, asked for once however many destinations want to know. */
  children(node: Descriptor): Promise<readonly Descriptor[]> {
    if (!isDocument(node)) return Promise.resolve([]);
    let found = this.#children.get(node.digest);
    if (found === undefined) {
      found = children(this.#source, node, this.#options);
      this.#children.set(node.digest, found);
    }
    return found;
  }

  /**
   * Walks down from the root. `enter` answers whether to go below a document; each digest is entered once. Documents
   * come back children first, the order in which a store takes them.
   */
  async walk(enter: (node: Descriptor) => Promise<boolean>): Promise<readonly Descriptor[]> {
    const seen = new Set<Digest>();
    const documents: Descriptor[] = [];
    const visit = async (node: Descriptor, depth: number): Promise<void> => {
      if (depth > MAX_DEPTH)
        throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, { where: node.digest });
      if (seen.has(node.digest)) return;
      seen.add(node.digest);
      if (!(await enter(node))) return;
      const below = await this.children(node);
      // All children at once: what limits the questions is the destination's own limit.
      await Promise.all(below.map((child) => visit(child, depth + 1)));
      if (isDocument(node)) documents.push(node);
    };
    await visit(this.root, 0);
    return documents;
  }
}

/** As content/walk.ts. */
const MAX_DEPTH = 16;
