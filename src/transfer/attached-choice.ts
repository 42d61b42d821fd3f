import type { Descriptor } from "../spec/index.js";

/**
 * Which of the things that are attached to an image travel with it. "auto": all, but a registry is only asked what
 * there is when the image itself has to be sent; "all" always asks. A list names artifact types, or the groups
 * `signatures`, `attestations` and `sboms`.
 */
export type AttachedChoice = "auto" | "none" | "all" | readonly string[];

/** The groups that people name; anything else is an artifact type. */
export const ATTACHED_GROUPS = ["signatures", "attestations", "sboms"] as const;

type Group = (typeof ATTACHED_GROUPS)[number];

/** The tags that cosign keeps what belongs to an image under, beside the image (cosign's SIGNATURE_SPEC.md). */
export const COSIGN_SUFFIXES = ["sig", "att", "sbom"] as const;

/** The last part of such a tag. */
export type CosignSuffix = (typeof COSIGN_SUFFIXES)[number];

const GROUP_OF_SUFFIX: Readonly<Record<CosignSuffix, Group>> = {
  sig: "signatures",
  att: "attestations",
  sbom: "sboms",
};

/** Whether a referrer is among what was chosen. */
export function isChosen(choice: AttachedChoice, referrer: Descriptor): boolean {
  if (typeof choice === "string") return choice !== "none";
  const type = referrer.artifactType ?? "";
  return choice.includes(type) || choice.some((wanted) => wanted === groupOf(referrer));
}

/** Whether what cosign keeps under a tag with this suffix is among what was chosen. */
export function isSuffixChosen(choice: AttachedChoice, suffix: CosignSuffix): boolean {
  return typeof choice === "string" ? choice !== "none" : choice.includes(GROUP_OF_SUFFIX[suffix]);
}

function groupOf({ artifactType = "", annotations }: Descriptor): Group | undefined {
  if (/spdx|cyclonedx|syft|[./+]sbom\b/i.test(artifactType)) return "sboms";
  if (/in-?toto|slsa|attestation/i.test(artifactType)) return "attestations";
  if (/sigstore\.bundle/i.test(artifactType)) {
    // A bundle holds either; one that states something about the image says what (sigstore's BUNDLE_SPEC.md).
    const predicate = annotations?.["dev.sigstore.bundle.predicateType"];
    return predicate === undefined || predicate.includes("cosign/sign") ? "signatures" : "attestations";
  }
  return /signature|cosign\.artifact\.sig|notary/i.test(artifactType) ? "signatures" : undefined;
}
