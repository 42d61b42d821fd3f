/**
 * The one error class of gantry and its closed set of codes. It stands under every folder, so it imports nothing.
 */

/** What went wrong, in a form that a program can switch on. Documented one by one in docs/errors.md. */
export type ErrorCode =
  // The caller's input
  | "USAGE"
  | "REFERENCE_INVALID"
  | "IMAGE_NAME_INVALID"
  | "DIGEST_INVALID"
  | "PLATFORM_INVALID"
  | "PLAN_INVALID"
  | "CONFIG_FILE_INVALID"
  | "FILE_NOT_FOUND"
  | "UNSUPPORTED"
  // Content
  | "DIGEST_MISMATCH"
  | "SIZE_MISMATCH"
  | "MANIFEST_INVALID"
  | "CONFIG_INVALID"
  | "LAYER_INVALID"
  | "TOO_LARGE"
  | "INDEX_TOO_DEEP"
  | "NOT_FOUND"
  | "MANIFEST_UNKNOWN"
  | "BLOB_UNKNOWN"
  | "NAME_UNKNOWN"
  | "PLATFORM_NOT_FOUND"
  | "CONFLICT"
  // Talking to a registry
  | "UNAUTHORIZED"
  | "DENIED"
  | "CREDENTIALS_INVALID"
  | "RATE_LIMITED"
  | "REGISTRY_REFUSED"
  | "REGISTRY_UNAVAILABLE"
  | "REGISTRY_PROTOCOL"
  | "ORIGIN_REFUSED"
  | "CONNECTION_FAILED"
  | "TLS_UNTRUSTED"
  | "TIMEOUT"
  | "STALLED"
  // Local
  | "DISK_FULL"
  | "IO"
  | "LOCKED"
  | "SOURCE_CHANGED"
  | "BATCH_FAILED"
  | "INTERRUPTED"
  | "INTERNAL";

/** The side of a transfer that failed. */
export type Side = "source" | "destination";

/** What a registry said when it refused (distribution-spec 1.1, "Error Codes"). */
export interface RegistryAnswer {
  readonly status: number;
  readonly errors: readonly { readonly code: string; readonly message?: string }[];
  readonly requestId?: string;
}

/** Everything about an error but its code and message. */
export interface ErrorDetails {
  readonly side?: Side | undefined;
  /** Where it happened: an image name, a URL without secrets, a file with line and column. */
  readonly where?: string | undefined;
  readonly registry?: RegistryAnswer | undefined;
  /** The next thing to try, one sentence that ends with a full stop. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Facts for programs: digests, paths, names. Never a secret. */
  readonly facts?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** Marks a GantryError across copies of this package and across realms. */
const BRAND = Symbol.for("gantry.error");

/**
 * Every failure that gantry knows by name. The message says what happened, without where and hint; the command line
 * puts the three together as `gantry: WHAT (WHERE). HINT`.
 */
export class GantryError extends Error {
  readonly code: ErrorCode;
  readonly side: Side | undefined;
  readonly where: string | undefined;
  readonly registry: RegistryAnswer | undefined;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "GantryError";
    this.code = code;
    this.side = details.side;
    this.where = details.where;
    this.registry = details.registry;
    this.hint = details.hint;
    this.facts = details.facts;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** True for a GantryError of this or of any other loaded copy of the package. */
  static is(value: unknown): value is GantryError {
    return typeof value === "object" && value !== null && BRAND in value;
  }

  /** The same error with details added; what is already known stays. */
  with(details: ErrorDetails): GantryError {
    return new GantryError(this.code, this.message, {
      side: this.side ?? details.side,
      where: this.where ?? details.where,
      registry: this.registry ?? details.registry,
      hint: this.hint ?? details.hint,
      facts: { ...details.facts, ...this.facts },
      cause: this.cause ?? details.cause,
    });
  }

  /** What `--json` prints; holds no cause, for a cause can hold anything. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      ...(this.side === undefined ? {} : { side: this.side }),
      ...(this.where === undefined ? {} : { where: this.where }),
      ...(this.registry === undefined ? {} : { registry: this.registry }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.facts === undefined || Object.keys(this.facts).length === 0 ? {} : { facts: this.facts }),
    };
  }
}
