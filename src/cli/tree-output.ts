import type { TreeNode } from "../gantry.js";
import { formatBytes } from "./format.js";
import { oneLine } from "./terminal.js";

/** A tree of content, drawn with lines. */
export function renderTree(node: TreeNode): string {
  const lines: string[] = [];
  draw(node, "", "", lines);
  return lines.join("\n");
}

function draw(node: TreeNode, first: string, rest: string, lines: string[]): void {
  lines.push(first + oneLine(`${node.label}  ${node.descriptor.digest}  ${formatBytes(node.descriptor.size)}`));
  node.children.forEach((child, at) => {
    const last = at === node.children.length - 1;
    draw(child, `${rest}${last ? "└─ " : "├─ "}`, `${rest}${last ? "   " : "│  "}`, lines);
  });
}
