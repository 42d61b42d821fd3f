/**
 * Files become layers, layers become images: the plan file, reproducible layers with their cache, and the build of a
 * plan into content that lies in an overlay and has no name yet.
 */
export type { BaseImage, ResolvedBase } from "./base-image.js";
export type { BuildEvent } from "./build-events.js";
export { type BuildOptions, buildImages, type BuiltImage, hostPlatform } from "./build.js";
export type { FileEntry, FileStamp } from "./file-entry.js";
export {
  type CachedLayer,
  type CacheRecords,
  type LayerCache,
  memoryLayerCache,
  recordLayerCache,
} from "./layer-cache.js";
export type { BuildPlan, ConfigPlan, FileMapping, ImagePlan, LayerCompression, LayerPlan } from "./plan.js";
export { parsePlan, type PlanOptions, type PlanVariables, readPlanFile } from "./plan-file.js";
export type { CompressionInput, ConfigInput, ImageInput, LayerInput, PlanInput, Scalar } from "./plan-input.js";
export type { FileOfLayer, SourceReader } from "./read-source.js";
export type { PlatformVariable, Template, Variables } from "./template.js";
