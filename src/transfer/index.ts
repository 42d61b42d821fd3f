/**
 * Moving content: a copy is planned against what the destinations hold, then applied: content first and everywhere,
 * names last. Knows stores by their contract only.
 */
export type { EventListener, TransferEvent } from "./events.js";
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
