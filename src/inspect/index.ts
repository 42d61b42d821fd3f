/**
 * Looking at content: what an image is made of, and the tree of everything that belongs to it.
 */
export {
  type InspectedEntry,
  type Inspection,
  inspectImage,
  isImageConfig,
  readConfig,
  readConfigBytes,
} from "./inspection.js";
export { contentTree, type TreeNode } from "./tree.js";
