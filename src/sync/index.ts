/**
 * Keeping many repositories and tags equal elsewhere: which tags are meant, what earlier runs saw, what is left to be
 * done, and a report of every image. Knows stores by their contract only.
 */
export { destinationName, type DestinationPattern, type SourceName } from "./destination-name.js";
export { oncePerBlob } from "./once-per-blob.js";
export { compilePattern } from "./pattern.js";
export { runSync } from "./run-sync.js";
export type { Listed, RemovalPlace, SyncEvent, SyncJob, SyncOptions } from "./sync-job.js";
export { parseSyncFile, readSyncFile } from "./sync-file.js";
export type { SyncedImage, SyncFailure, SyncReport, SyncTotals } from "./sync-report.js";
export type { RegistryAccess, SyncPlan, SyncRule } from "./sync-rule.js";
export { fileState, processState, type SeenImage, type StateKey, type SyncState } from "./sync-state.js";
export { compileTagRules, type TagRules, type TagSelection } from "./tag-rules.js";
