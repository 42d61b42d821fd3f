import type { Platform } from "../spec/index.js";
import { editConfig } from "./edit-config.js";
import type { ImageView } from "./image-view.js";

/** Says in the configuration what the image runs on. Its layers stay what they are. */
export function withPlatform(view: ImageView, platform: Platform): ImageView {
  return editConfig(view, (config) => {
    const { variant: _variant, "os.version": _version, "os.features": _features, ...rest } = config;
    return { ...rest, ...platform };
  });
}
