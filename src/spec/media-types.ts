/** The media types of OCI image-spec 1.1 and Docker's image formats, and what each means. */
export const MEDIA_TYPES = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  ociForeignLayer: "application/vnd.oci.image.layer.nondistributable.v1.tar",
  ociForeignLayerGzip: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ociForeignLayerZstd: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar",
  dockerForeignLayerGzip: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  dockerSchema1: "application/vnd.docker.distribution.manifest.v1+json",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

/** How a layer's tar is wrapped. */
export type Compression = "none" | "gzip" | "zstd";

/** The family that a document belongs to; a document of one family names parts of the same family. */
export type Family = "oci" | "docker";

const MANIFESTS: ReadonlySet<string> = new Set([MEDIA_TYPES.ociManifest, MEDIA_TYPES.dockerManifest]);
const INDEXES: ReadonlySet<string> = new Set([MEDIA_TYPES.ociIndex, MEDIA_TYPES.dockerList]);
const FOREIGN: ReadonlySet<string> = new Set([
  MEDIA_TYPES.ociForeignLayer,
  MEDIA_TYPES.ociForeignLayerGzip,
  MEDIA_TYPES.ociForeignLayerZstd,
  MEDIA_TYPES.dockerForeignLayer,
  MEDIA_TYPES.dockerForeignLayerGzip,
]);

/** What a manifest request accepts, the newest first. */
export const MANIFEST_ACCEPT: readonly string[] = [
  MEDIA_TYPES.ociIndex,
  MEDIA_TYPES.ociManifest,
  MEDIA_TYPES.dockerList,
  MEDIA_TYPES.dockerManifest,
];

/** Drops parameters and case: `Application/JSON; charset=utf-8` is `application/json` (RFC 9110, 8.3.1). */
export function bareMediaType(value: string): string {
  const end = value.indexOf(";");
  return (end === -1 ? value : value.slice(0, end)).trim().toLowerCase();
}

/** True for an image manifest's media type, OCI or Docker v2 schema 2. */
export const isManifestType = (mediaType: string): boolean => MANIFESTS.has(mediaType);

/** True for an image index's or a Docker manifest list's media type. */
export const isIndexType = (mediaType: string): boolean => INDEXES.has(mediaType);

/** True for layers that a registry does not have to hold ("non-distributable", Docker's "foreign"). */
export const isForeignLayerType = (mediaType: string): boolean => FOREIGN.has(mediaType);

/** The family of a media type, by its name. */
export const familyOf = (mediaType: string): Family =>
  mediaType.startsWith("application/vnd.docker.") ? "docker" : "oci";

/** The compression that a layer's media type claims. */
export function compressionOf(mediaType: string): Compression {
  if (mediaType.endsWith("+gzip") || mediaType.endsWith(".gzip")) return "gzip";
  return mediaType.endsWith("+zstd") ? "zstd" : "none";
}

/** True for a layer of a file system in either family, foreign ones included. */
export function isLayerType(mediaType: string): boolean {
  return /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.gzip)?)$/.test(
    mediaType,
  );
}

/** The media type of a layer with this compression in this family. Docker's family has no zstd. */
export function layerTypeFor(family: Family, compression: Compression): string {
  if (family === "docker") return compression === "none" ? MEDIA_TYPES.dockerLayer : MEDIA_TYPES.dockerLayerGzip;
  if (compression === "none") return MEDIA_TYPES.ociLayer;
  return compression === "gzip" ? MEDIA_TYPES.ociLayerGzip : MEDIA_TYPES.ociLayerZstd;
}
