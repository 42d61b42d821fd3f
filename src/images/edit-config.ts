import { encodeJson, type ImageConfig } from "../spec/index.js";
import { digestOf } from "../streams/index.js";
import { type ImageState, type ImageView, imageView } from "./image-view.js";

/**
 * Changes the configuration of an image. Fields that the change does not name stay, known or not; write
 * `{ ...config, user: … }`.
 */
export function editConfig(
  view: ImageView,
  change: (config: ImageConfig) => ImageConfig | Promise<ImageConfig>,
): ImageView {
  return imageView(async (options) => withConfig(await view.state(options), await change(await view.config(options))));
}

/** The state with another configuration. The platform that an index gave it is forgotten: the new configuration says it. */
export function withConfig(state: ImageState, config: ImageConfig): ImageState {
  const bytes = encodeJson(config);
  const { mediaType } = state.manifest.config;
  const { bytes: _old, entry, ...rest } = state;
  const { platform: _platform, ...annotations } = entry;
  return {
    ...rest,
    entry: annotations,
    // A config descriptor may carry annotations; `data` would be the old content.
    manifest: {
      ...state.manifest,
      config: { ...withoutData(state.manifest.config), digest: digestOf(bytes), size: bytes.byteLength },
    },
    readConfig: async () => config,
    parts: [...state.parts, (overlay) => void overlay.addBytes(bytes, mediaType)],
  };
}

function withoutData<T extends { readonly data?: string }>(descriptor: T): Omit<T, "data"> {
  const { data: _data, ...rest } = descriptor;
  return rest;
}
