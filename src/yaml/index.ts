/**
 * YAML that people write and gantry reads strictly: a tree that knows the line and column of each part, a schema that it
 * is held against, and all that is wrong with it told at once.
 */
export { checkShape, type Located, type Shape, type YamlPath } from "./check-shape.js";
export { locate } from "./locate.js";
export { readValue, readYaml, type YamlEntry, type YamlNode } from "./nodes.js";
export { Problems } from "./problems.js";
