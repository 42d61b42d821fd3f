import { GantryError } from "../errors.js";
import type { StringMap } from "./descriptor.js";
import type { Digest } from "./digest.js";
import { parseJson } from "./json.js";
import * as shape from "./shape.js";

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

const texts = shape.optional(shape.list(shape.text));
// Go's map[string]struct{}: only the keys count.
const keys = shape.optional(shape.map(shape.anyObject, () => ({})));

const healthcheck = shape.object<Healthcheck>({
  Test: texts,
  Interval: shape.optional(shape.number),
  Timeout: shape.optional(shape.number),
  StartPeriod: shape.optional(shape.number),
  StartInterval: shape.optional(shape.number),
  Retries: shape.optional(shape.number),
});

const runConfig = shape.object<RunConfig>({
  User: shape.optional(shape.text),
  ExposedPorts: keys,
  Env: texts,
  Entrypoint: texts,
  Cmd: texts,
  Volumes: keys,
  WorkingDir: shape.optional(shape.text),
  Labels: shape.optional(shape.stringMap),
  StopSignal: shape.optional(shape.text),
  ArgsEscaped: shape.optional(shape.truth),
  Healthcheck: shape.optional(healthcheck),
  OnBuild: texts,
  Shell: texts,
});

const historyEntry = shape.object<HistoryEntry>({
  created: shape.optional(shape.text),
  created_by: shape.optional(shape.text),
  author: shape.optional(shape.text),
  comment: shape.optional(shape.text),
  empty_layer: shape.optional(shape.truth),
});

const layersType: shape.Read<"layers"> = (value, place) => {
  if (value !== "layers") throw place.refuse(`${place.path} is not "layers"`);
  return "layers";
};

const rootfs = shape.object<ImageConfig["rootfs"]>({
  type: shape.defaulted(layersType, () => "layers" as const),
  // Docker leaves the field of an image without layers out, others write the nil slice as null.
  diff_ids: shape.defaulted(shape.list(shape.digest), () => []),
});

const imageConfig = shape.object<ImageConfig>({
  created: shape.optional(shape.text),
  author: shape.optional(shape.text),
  architecture: shape.defaulted(shape.text, () => ""),
  os: shape.defaulted(shape.text, () => ""),
  "os.version": shape.optional(shape.text),
  "os.features": texts,
  variant: shape.optional(shape.text),
  config: shape.optional(runConfig),
  rootfs: shape.defaulted(rootfs, () => ({ type: "layers" as const, diff_ids: [] })),
  history: shape.optional(shape.list(historyEntry)),
});

/**
 * Reads an image configuration. Unknown fields stay in the value, so that an edit keeps them; null is absence, for
 * Docker writes `"Cmd": null`.
 *
 * Artifacts made before image-spec 1.1 carry `{}` under this media type, so a missing `os`, `architecture` or `rootfs`
 * reads as empty, as Go's tools read it. Whoever needs a platform checks that it has one.
 *
 * @throws GantryError CONFIG_INVALID with the path of what is wrong; TOO_LARGE
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  return imageConfig(parseJson(bytes, "the image configuration", "CONFIG_INVALID"), new shape.Place(refuse));
}

function refuse(why: string): GantryError {
  return new GantryError("CONFIG_INVALID", `invalid image configuration: ${why}`);
}
