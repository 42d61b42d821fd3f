/** `true` and `false` come as text from YAML, as all scalars do. */
export type YesInput = boolean | "true" | "false";

/** One or several texts. */
export type TextsInput = string | readonly string[];

/** How a registry is reached. */
export interface AccessInput {
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly "tls-verify"?: YesInput;
  readonly "cert-dir"?: string;
}

/** Which tags are meant. */
export interface TagsInput {
  readonly names?: TextsInput;
  readonly allow?: TextsInput;
  readonly deny?: TextsInput;
  readonly glob?: TextsInput;
  readonly semver?: string;
  readonly newest?: number | string;
}

/** What an entry may say, and `defaults` for all. */
export interface SyncDefaultsInput {
  readonly immutable?: TextsInput;
  readonly delete?: YesInput;
  readonly platforms?: TextsInput;
  readonly attached?: TextsInput;
}

/** One thing to keep equal. */
export interface SyncEntryInput extends SyncDefaultsInput {
  readonly source: string;
  readonly dest?: string;
  readonly tags?: TagsInput;
}

/** A sync file of gantry's own, as written. */
export interface SyncFileInput {
  readonly sync: readonly SyncEntryInput[];
  readonly defaults?: SyncDefaultsInput;
  readonly registries?: Readonly<Record<string, AccessInput>>;
  readonly concurrency?: number | string;
}

/** A registry of skopeo's sync file (skopeo-sync(1), "YAML file content"). */
export interface SkopeoRegistryInput extends AccessInput {
  readonly images?: Readonly<Record<string, readonly string[] | null>>;
  readonly "images-by-tag-regex"?: Readonly<Record<string, string>>;
  readonly "images-by-semver"?: Readonly<Record<string, string>>;
}

/** A sync file of skopeo's, as written. */
export type SkopeoFileInput = Readonly<Record<string, SkopeoRegistryInput>>;
