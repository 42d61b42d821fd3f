import { GantryError } from "../errors.js";
import {
  compressionOf,
  type Descriptor,
  type Family,
  familyOf,
  isForeignLayerType,
  isLayerType,
  layerTypeFor,
  MEDIA_TYPES,
} from "../spec/index.js";
import { type ImageView, imageView } from "./image-view.js";

/**
 * The same image in the other family's media types. Blobs stay as they are; only the manifest is written anew.
 *
 * @throws GantryError UNSUPPORTED for what the other family has no type for: zstd layers, artifacts, foreign layers
 *   and annotations in Docker's
 */
export function convertFamily(view: ImageView, family: Family): ImageView {
  return imageView(async (options) => {
    const state = await view.state(options);
    if (familyOf(state.mediaType) === family) return state;
    const { bytes: _old, ...rest } = state;
    const { manifest } = state;
    if (family === "docker" && (manifest.subject !== undefined || manifest.artifactType !== undefined)) {
      throw refuse("an artifact or a referrer");
    }
    const mediaType = family === "oci" ? MEDIA_TYPES.ociManifest : MEDIA_TYPES.dockerManifest;
    const configType = family === "oci" ? MEDIA_TYPES.ociConfig : MEDIA_TYPES.dockerConfig;
    return {
      ...rest,
      mediaType,
      manifest: {
        ...manifest,
        mediaType,
        config: { ...manifest.config, mediaType: configType },
        layers: manifest.layers.map((layer) => convertLayer(layer, family)),
      },
    };
  });
}

function convertLayer(layer: Descriptor, family: Family): Descriptor {
  const { mediaType } = layer;
  if (!isLayerType(mediaType)) throw refuse(mediaType);
  const compression = compressionOf(mediaType);
  if (family === "docker" && compression === "zstd") throw refuse("a zstd layer");
  if (!isForeignLayerType(mediaType)) return { ...layer, mediaType: layerTypeFor(family, compression) };
  const foreign =
    family === "oci"
      ? compression === "gzip"
        ? MEDIA_TYPES.ociForeignLayerGzip
        : MEDIA_TYPES.ociForeignLayer
      : compression === "gzip"
        ? MEDIA_TYPES.dockerForeignLayerGzip
        : MEDIA_TYPES.dockerForeignLayer;
  return { ...layer, mediaType: foreign };
}

function refuse(what: string): GantryError {
  return new GantryError("UNSUPPORTED", `Docker's image format cannot hold ${what}`, { hint: "Keep the image OCI." });
}
