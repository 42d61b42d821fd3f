import type { ErrorCode } from "../errors.js";

/** The exit codes of the command line (docs/errors.md). */
export const EXIT = { done: 0, failed: 1, usage: 2, notFound: 3, auth: 4, partly: 5, interrupted: 130 } as const;

const CODES: Partial<Readonly<Record<ErrorCode, number>>> = {
  USAGE: EXIT.usage,
  REFERENCE_INVALID: EXIT.usage,
  IMAGE_NAME_INVALID: EXIT.usage,
  DIGEST_INVALID: EXIT.usage,
  PLATFORM_INVALID: EXIT.usage,
  PLAN_INVALID: EXIT.usage,
  CONFIG_FILE_INVALID: EXIT.usage,
  FILE_NOT_FOUND: EXIT.notFound,
  NOT_FOUND: EXIT.notFound,
  MANIFEST_UNKNOWN: EXIT.notFound,
  BLOB_UNKNOWN: EXIT.notFound,
  NAME_UNKNOWN: EXIT.notFound,
  PLATFORM_NOT_FOUND: EXIT.notFound,
  UNAUTHORIZED: EXIT.auth,
  DENIED: EXIT.auth,
  CREDENTIALS_INVALID: EXIT.auth,
  BATCH_FAILED: EXIT.partly,
  INTERRUPTED: EXIT.interrupted,
};

/** The exit code that an error ends the command with. */
export const exitCodeOf = (code: ErrorCode): number => CODES[code] ?? EXIT.failed;
