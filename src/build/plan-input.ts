/** A plan as a library user writes it. */
export interface PlanInput {
  readonly vars?: Readonly<Record<string, Scalar>>;
  readonly images: readonly ImageInput[];
}

/** One image of a {@link PlanInput}. */
export interface ImageInput {
  readonly name: string;
  readonly base?: string;
  readonly platforms?: string | readonly string[];
  readonly layers?: readonly LayerInput[];
  readonly config?: ConfigInput;
  readonly annotations?: Readonly<Record<string, Scalar>>;
  readonly tags?: string | readonly string[];
  readonly compression?: CompressionInput;
  readonly family?: "oci" | "docker";
}

/** One layer of an {@link ImageInput}. */
export interface LayerInput {
  readonly files: Readonly<Record<string, string>>;
  readonly owner?: string | number;
  readonly mode?: string | number | { readonly file?: string | number; readonly directory?: string | number };
  readonly exclude?: readonly string[];
  /** The same as `exclude`. */
  readonly excludes?: readonly string[];
  readonly mtime?: string | number;
  readonly compression?: CompressionInput;
  readonly comment?: string;
}

/** How an image's containers run. */
export interface ConfigInput {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: Readonly<Record<string, Scalar>> | readonly string[];
  readonly user?: string | number;
  readonly workdir?: string;
  readonly labels?: Readonly<Record<string, Scalar>>;
  readonly ports?: readonly (string | number)[];
  readonly volumes?: readonly string[];
  readonly stopSignal?: string | number;
  readonly shell?: readonly string[];
  readonly healthcheck?: {
    readonly test: string | readonly string[];
    readonly interval?: string;
    readonly timeout?: string;
    readonly startPeriod?: string;
    readonly startInterval?: string;
    readonly retries?: number | string;
  };
}

/** Compression by name, or with a level. */
export type CompressionInput =
  | "gzip"
  | "zstd"
  | "none"
  | { readonly type: "gzip" | "zstd" | "none"; readonly level?: number | string };

/** What YAML writes without quotes. */
export type Scalar = string | number | boolean;
