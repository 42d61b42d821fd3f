import { isAttestation, type CallOptions, type Store } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, formatPlatform, isDocument, isIndex, isLayerType, parseDocument } from "../spec/index.js";
import { isImageConfig } from "./inspection.js";

/** A node of content with what hangs below it. */
export interface TreeNode {
  /** What it is, in a word or two: `index`, `image linux/arm64`, `layer`, `referrer application/…`. */
  readonly label: string;
  readonly descriptor: Descriptor;
  readonly children: readonly TreeNode[];
}

/** The whole graph below a root, with the referrers of every document where the store knows them. */
export async function contentTree(
  store: Store,
  root: Descriptor,
  name: string,
  options?: CallOptions,
): Promise<TreeNode> {
  return visit(store, root, name, [], options);
}

async function visit(
  store: Store,
  node: Descriptor,
  label: string,
  above: readonly string[],
  options?: CallOptions,
): Promise<TreeNode> {
  if (!isDocument(node)) return { label, descriptor: node, children: [] };
  if (above.length > MAX_DEPTH)
    throw new GantryError("INDEX_TOO_DEEP", `indexes nest deeper than ${MAX_DEPTH} levels`, { where: node.digest });
  const document = parseDocument(await store.manifest(node, options), node.mediaType);
  const below =
    document.kind === "index" ? document.value.manifests : [document.value.config, ...document.value.layers];
  const path = [...above, node.digest];
  const children: TreeNode[] = [];
  for (const child of below) children.push(await visit(store, child, labelOf(child), path, options));
  if (store.referrers !== undefined) {
    for await (const referrer of store.referrers.list(node, { signal: options?.signal })) {
      // A referrer that refers to one of its own kind in a circle would never end.
      if (path.includes(referrer.digest)) continue;
      children.push(
        await visit(store, referrer, `referrer ${referrer.artifactType ?? referrer.mediaType}`, path, options),
      );
    }
  }
  return { label, descriptor: node, children };
}

const MAX_DEPTH = 16;

function labelOf(node: Descriptor): string {
  if (isAttestation(node)) return "attestation";
  const platform = node.platform === undefined ? "" : ` ${formatPlatform(node.platform)}`;
  if (isIndex(node)) return `index${platform}`;
  if (isDocument(node)) return `image${platform}`;
  if (isImageConfig(node)) return "config";
  return isLayerType(node.mediaType) ? "layer" : node.mediaType;
}
