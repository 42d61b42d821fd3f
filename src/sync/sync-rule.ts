import type { TagRules } from "./tag-rules.js";

/** How the registry of a source is reached, where a sync file says so. */
export interface RegistryAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly certDir?: string | undefined;
  readonly tlsVerify?: boolean | undefined;
}

/** One thing to keep equal: a repository, or some names of it. */
export interface SyncRule {
  /** A repository of a registry (with or without tag), `oci:PATH[:REF]`, `local:NAME`. */
  readonly source: string;
  /** The repository to bring it to, as it is; without it the command's destination. */
  readonly dest?: string | undefined;
  /** These tags and digests and no others. */
  readonly names?: readonly string[] | undefined;
  /** Without it, and without `names`, all tags. */
  readonly tags?: TagRules | undefined;
  /** Tags that never move once they are there: they are not asked for again. */
  readonly immutable?: readonly RegExp[] | undefined;
  /** Whether tags that left the source are removed from the destination. */
  readonly delete?: boolean | undefined;
  readonly platforms?: readonly string[] | undefined;
  /** What that refers to an image is brought with it: `all`, `none`, or artifact types. */
  readonly attached?: readonly string[] | undefined;
  readonly access?: RegistryAccess | undefined;
}

/** What a sync file says. */
export interface SyncPlan {
  readonly rules: readonly SyncRule[];
  /** Images at once. */
  readonly concurrency?: number | undefined;
}
