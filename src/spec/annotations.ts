/** The annotation keys of image-spec 1.1 (annotations.md) and of the tools around it that gantry reads or writes. */
export const ANNOTATIONS = {
  created: "org.opencontainers.image.created",
  authors: "org.opencontainers.image.authors",
  url: "org.opencontainers.image.url",
  source: "org.opencontainers.image.source",
  version: "org.opencontainers.image.version",
  revision: "org.opencontainers.image.revision",
  title: "org.opencontainers.image.title",
  description: "org.opencontainers.image.description",
  refName: "org.opencontainers.image.ref.name",
  baseDigest: "org.opencontainers.image.base.digest",
  baseName: "org.opencontainers.image.base.name",
  /** containerd's full name beside ref.name. */
  containerdImageName: "io.containerd.image.name",
  /** BuildKit: `attestation-manifest`. */
  dockerReferenceType: "vnd.docker.reference.type",
  /** BuildKit: the digest that an attestation manifest speaks of. */
  dockerReferenceDigest: "vnd.docker.reference.digest",
} as const;
