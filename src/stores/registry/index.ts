/**
 * Registries as stores: one host with everything known about it, and its repositories. Reads are verified and survive
 * broken connections; uploads go on where they stopped; nothing is asked that need not be.
 */
export type { Access } from "./connection.js";
export { type HostParts, type Ping, RegistryHost } from "./host.js";
export { type HostOptions, type HostRetry, openHost } from "./open-host.js";
export type { Quota } from "./quota.js";
export type { RegistryStore } from "./registry-store.js";
export type { RegistryTraits } from "./traits.js";
export {
  type JournalEntry,
  type JournaledUpload,
  UploadJournal,
  type UploadJournalOptions,
  type UploadKey,
} from "./upload-journal.js";
