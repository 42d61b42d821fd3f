import { basename, isAbsolute } from "node:path";
import type { LowerReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import { annotate, appendLayers, editConfig, type ImageView } from "../images/index.js";
import { ANNOTATIONS, type HistoryEntry } from "../spec/index.js";
import type { BaseImage } from "./base-image.js";
import type { CachedLayer } from "./layer-cache.js";
import { mergeConfig } from "./merge-config.js";
import type { ImagePlan, LayerPlan } from "./plan.js";
import { templateText } from "./template.js";

/** What every image of a build gets. */
export interface ImageFromOptions {
  /** RFC 3339. */
  readonly created: string;
  /** Where the layers lie. */
  readonly store: LowerReader;
}

/**
 * The image on its base: layers, configuration, history, annotations. Nothing in it comes from the machine or the
 * moment: no host name, no absolute path, no time but the build's.
 *
 * @throws GantryError UNSUPPORTED for annotations on an image of Docker's family, which has no place for them
 */
export async function imageFrom(
  image: ImagePlan,
  base: BaseImage,
  layers: readonly CachedLayer[],
  { created, store }: ImageFromOptions,
): Promise<ImageView> {
  const appended = appendLayers(
    base.view,
    layers.map(({ descriptor, diffId }, i) => ({
      descriptor,
      diffId,
      content: { store },
      history: historyOf(image.layers[i]!, created),
    })),
  );
  const configured = editConfig(appended, (config) => mergeConfig(config, image.config, created));
  if ((await configured.family()) === "docker") {
    if (Object.keys(image.annotations).length > 0) {
      throw new GantryError(
        "UNSUPPORTED",
        `${image.name} has annotations, and Docker's image format has no place for them`,
        {
          where: image.at,
          hint: 'Write "family: oci" for the image, or use labels.',
        },
      );
    }
    return configured;
  }
  const { origin } = base;
  return annotate(configured, {
    // The base's annotations described the base.
    ...Object.fromEntries(Object.keys((await configured.manifest()).annotations ?? {}).map((key) => [key, undefined])),
    ...(origin === undefined ? {} : { [ANNOTATIONS.baseDigest]: origin.digest }),
    ...(origin?.name === undefined ? {} : { [ANNOTATIONS.baseName]: origin.name }),
    ...image.annotations,
  });
}

function historyOf(layer: LayerPlan, created: string): HistoryEntry {
  const copies = layer.files.map(({ source, destination }) => {
    const text = templateText(source);
    // An absolute source is a place on this machine.
    return `${isAbsolute(text) ? basename(text) : text} -> ${destination}`;
  });
  return {
    created,
    created_by: `gantry: COPY ${copies.join(", ")}`,
    ...(layer.comment === undefined ? {} : { comment: layer.comment }),
  };
}
