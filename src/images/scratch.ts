import { encodeJson, type Family, type ImageConfig, MEDIA_TYPES, type Platform } from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import { type ImageView, imageView } from "./image-view.js";

/** An image with nothing in it but its platform: what `scratch` means. */
export function scratch(platform: Platform, family: Family = "oci"): ImageView {
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform["os.version"] === undefined ? {} : { "os.version": platform["os.version"] }),
    ...(platform["os.features"] === undefined ? {} : { "os.features": platform["os.features"] }),
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: {},
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  };
  const bytes = encodeJson(config);
  const oci = family === "oci";
  const mediaType = oci ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
  const configType = oci ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig;
  return imageView(async () => ({
    mediaType,
    manifest: {
      schemaVersion: 2,
      mediaType,
      config: { mediaType: configType, digest: digestOf(bytes), size: bytes.byteLength },
      layers: [],
    },
    entry: {},
    readConfig: async () => config,
    parts: [(overlay) => void overlay.addBytes(bytes, configType)],
  }));
}
