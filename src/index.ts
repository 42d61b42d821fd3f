/**
 * gantry as a library: the class {@link Gantry}, the error that everything throws, and the values and contracts for
 * those who bring a store or a source of credentials of their own.
 */
export type {
  CallOptions,
  Constraints,
  ContentReader,
  Placement,
  PutManifestOptions,
  PutOptions,
  Referrers,
  Remover,
  ResolveOptions,
  Store,
  StreamedBlob,
  Tags,
  Writer,
} from "./content/index.js";
export { type ErrorCode, type ErrorDetails, GantryError, type RegistryAnswer, type Side } from "./errors.js";
export * from "./gantry.js";
export type { Credential, CredentialSource, Found, Timeouts } from "./net/index.js";
export type {
  Descriptor,
  Digest,
  ImageConfig,
  Platform,
  Reference,
  RepositoryName,
  RunConfig,
  StringMap,
} from "./spec/index.js";
export { type Body, bytesBody, fileBody, type OpenOptions } from "./streams/index.js";
