import type { Digest } from "../spec/index.js";
import { isDigest } from "../spec/index.js";
import type { BlobFiles } from "./blob-files.js";
import { matchesGlob } from "./glob.js";
import { Refusal } from "./refusal.js";
import type { RepositoryFiles } from "./repository-files.js";
import type { UploadSessions } from "./upload-sessions.js";

/** What the routes work on, and the rules that hold for all of them. */
export interface Registry {
  readonly blobs: BlobFiles;
  readonly repositories: RepositoryFiles;
  readonly uploads: UploadSessions;
  readonly allowDelete: boolean;
  readonly immutableTags: readonly string[];
  readonly maxManifestBytes: number;
}

/** @throws Refusal 405 when nothing may be deleted here: tags, manifests and blobs alike (CVE-2026-41888) */
export function checkDeletable(registry: Registry): void {
  if (!registry.allowDelete)
    throw new Refusal(405, "UNSUPPORTED", "deleting is switched off here", { allow: "GET, HEAD" });
}

/**
 * Guards the tags that must stay what they are, on every way to change them (CVE-2026-31801).
 *
 * @param to what the tag would point at; undefined when it would go
 * @throws Refusal 409
 */
export function checkMutable(
  registry: Registry,
  tag: string,
  current: Digest | undefined,
  to: Digest | undefined,
): void {
  if (current === undefined || current === to) return;
  if (registry.immutableTags.some((pattern) => matchesGlob(pattern, tag)))
    throw new Refusal(409, "DENIED", `the tag ${tag} cannot be changed; it points at ${current}`);
}

/** @throws Refusal 400 DIGEST_INVALID. What passes can be part of a path. */
export function digestIn(text: string | null): Digest {
  if (text !== null && isDigest(text)) return text;
  throw new Refusal(
    400,
    "DIGEST_INVALID",
    `${JSON.stringify(text?.slice(0, 160) ?? "")} is not a sha256 or sha512 digest`,
  );
}
