import type { Compression, Family, Healthcheck, Platform, StringMap } from "../spec/index.js";
import type { Template } from "./template.js";

/** A plan that has been read and checked: what `planBuild` takes. */
export interface BuildPlan {
  /** Absolute: what the sources are relative to. */
  readonly directory: string;
  readonly images: readonly ImagePlan[];
}

/** One image to build. */
export interface ImagePlan {
  readonly name: string;
  /** Undefined: nothing below (scratch). */
  readonly base: string | undefined;
  /** Empty: the platform of the machine that builds. */
  readonly platforms: readonly Platform[];
  readonly layers: readonly LayerPlan[];
  readonly config: ConfigPlan;
  readonly annotations: StringMap;
  /** Image names as they were written, checked by the grammar. */
  readonly tags: readonly string[];
  /** Undefined: the base's, or OCI. */
  readonly family: Family | undefined;
  /** Where the plan says so, for messages. */
  readonly at: string;
}

/** How a layer is compressed. */
export interface LayerCompression {
  readonly type: Compression;
  readonly level?: number;
}

/** One layer to build. */
export interface LayerPlan {
  readonly files: readonly FileMapping[];
  readonly owner: { readonly uid: number; readonly gid: number };
  /** "keep": the file's own, whatever the umask made of them; undefined: 0755 or 0644, by the owner's executable bit. */
  readonly fileMode: number | "keep" | undefined;
  /** Undefined: 0755, or what a directory of that name has everywhere. */
  readonly directoryMode: number | "keep" | undefined;
  readonly exclude: readonly string[];
  /** Seconds since 1970 for every entry; "keep": the files' own; undefined: the build's time. */
  readonly mtime: number | "keep" | undefined;
  readonly compression: LayerCompression;
  readonly comment: string | undefined;
}

/** One line of a layer's `files`. */
export interface FileMapping {
  readonly source: Template;
  /** Absolute and normalised; one that ends with `/` takes the source into itself. */
  readonly destination: string;
  readonly at: string;
}

/** What an image sets on top of its base's configuration; undefined keeps the base's. */
export interface ConfigPlan {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  /** In the plan's order. */
  readonly env?: readonly (readonly [name: string, value: string])[];
  readonly user?: string;
  readonly workdir?: string;
  readonly labels?: StringMap;
  /** `8080/tcp`. */
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly stopSignal?: string;
  readonly shell?: readonly string[];
  readonly healthcheck?: Healthcheck;
}
