// @ts-check
// Prints everything that belongs to an image, attestations and signatures included.
//   node tree.mjs IMAGE
import { Gantry } from "gantry";

const image = process.argv[2];
if (image === undefined) {
  console.error("Usage: node tree.mjs IMAGE");
  process.exit(2);
}

const gantry = new Gantry({ env: process.env });
try {
  print(await gantry.tree(image), 0);
} finally {
  await gantry[Symbol.asyncDispose]();
}

/**
 * @param {import("gantry").TreeNode} node
 * @param {number} depth
 */
function print({ label, descriptor, children }, depth) {
  console.log(`${"  ".repeat(depth)}${label} ${descriptor.digest.slice(0, 19)} ${descriptor.size}`);
  for (const child of children) print(child, depth + 1);
}
