/**
 * Moving content: a copy is planned against what the destinations hold, then applied: content first and everywhere,
 * names last. Knows stores by their contract only.
 */
export { ATTACHED_GROUPS, type AttachedChoice } from "./attached-choice.js";
export type { EventListener, TransferEvent } from "./events.js";
export type { AttachedPlace } from "./find-attached.js";
export { fileMemory, type LocationMemory, processMemory } from "./memory.js";
export type {
  Action,
  ApplyOptions,
  Count,
  Destination,
  DestinationReport,
  Plan,
  Report,
  Step,
  Totals,
} from "./plan.js";
export { type CopyOptions, DEFAULT_CONCURRENCY, planCopy } from "./plan-copy.js";
export { TransferFailed } from "./transfer-failed.js";
export { type CurrentTag, type NewRoot, type TagEdit, type TagUpdate, updateTag } from "./update-tag.js";
