import { GantryError } from "../errors.js";
import type { StringMap } from "./descriptor.js";
import type { Digest } from "./digest.js";
import { parseJson } from "./json.js";

/** How a container of the image runs (image-spec 1.1, config.md, "config"; Docker's additions included). */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Volumes?: Readonly<Record<string, object>>;
  readonly WorkingDir?: string;
  readonly Labels?: StringMap;
  readonly StopSignal?: string;
  readonly ArgsEscaped?: boolean;
  readonly Healthcheck?: Healthcheck;
  readonly OnBuild?: readonly string[];
  readonly Shell?: readonly string[];
}

/** Docker's health check; durations are nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

/** One step of an image's making. */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}

/** An image's configuration (image-spec 1.1, config.md). */
export interface ImageConfig {
  readonly created?: string;
  readonly author?: string;
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
  readonly variant?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/**
 * Reads an image configuration. Unknown fields stay in the value, so that an edit keeps them.
 *
 * @throws GantryError CONFIG_INVALID
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const value = parseJson(bytes, "the image configuration", "CONFIG_INVALID");
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new GantryError("CONFIG_INVALID", "the image configuration is not an object");
  }
  return value as unknown as ImageConfig;
}
