import type { CallOptions, LowerReader, OverlayStore } from "../content/index.js";
import { GantryError } from "../errors.js";
import {
  type Descriptor,
  encodeJson,
  type Family,
  familyOf,
  type ImageConfig,
  type Manifest,
  MAX_DOCUMENT_BYTES,
  MEDIA_TYPES,
  parseImageConfig,
  parseManifest,
  type Platform,
} from "../spec/index.js";
import { digestOf, readAll } from "../streams/index.js";

/**
 * An image of one platform, as a value: nothing is read before it is asked for, everything is read once, and an edit
 * answers another view. What an edit does not touch keeps its bytes and digests.
 */
export interface ImageView {
  readonly kind: "image";
  /** As an index names it: media type, digest and size of the manifest, and the platform where it is known. */
  descriptor(options?: CallOptions): Promise<Descriptor>;
  manifest(options?: CallOptions): Promise<Manifest>;
  /** @throws GantryError CONFIG_INVALID; UNSUPPORTED for an artifact, which has no configuration of an image */
  config(options?: CallOptions): Promise<ImageConfig>;
  /** Bottom first. */
  layers(options?: CallOptions): Promise<readonly Descriptor[]>;
  /** What the configuration says that the image runs on. */
  platform(options?: CallOptions): Promise<Platform>;
  /** OCI or Docker: all types of one image are of one family. */
  family(options?: CallOptions): Promise<Family>;
  /** What edits start from. */
  state(options?: CallOptions): Promise<ImageState>;
}

/** An image in the middle of being edited. */
export interface ImageState {
  /** Unknown fields of the document are still in it, in their place. */
  readonly manifest: Manifest;
  readonly mediaType: string;
  /** The exact bytes, while nothing has changed them. */
  readonly bytes?: Uint8Array;
  /** What the parent index said of it besides its address. */
  readonly entry: Pick<Descriptor, "platform" | "annotations">;
  readonly readConfig: (options?: CallOptions) => Promise<ImageConfig>;
  /** Tell an overlay where the parts are. Nothing is read for it. */
  readonly parts: readonly ((overlay: OverlayStore) => void)[];
}

/** The image at a descriptor. @throws GantryError when asked, what the store throws, and MANIFEST_INVALID */
export function imageAt(store: LowerReader, descriptor: Descriptor): ImageView {
  return imageView(async (options) => {
    const bytes = await store.manifest(descriptor, options);
    const manifest = parseManifest(bytes, descriptor.mediaType);
    return {
      manifest,
      mediaType: manifest.mediaType ?? descriptor.mediaType,
      bytes,
      entry: {
        ...(descriptor.platform === undefined ? {} : { platform: descriptor.platform }),
        ...(descriptor.annotations === undefined ? {} : { annotations: descriptor.annotations }),
      },
      readConfig: (options) => readConfig(store, manifest, options),
      parts: [(overlay) => overlay.under(store, descriptor, manifest.config, ...manifest.layers)],
    };
  });
}

/** A view over a state that is computed when it is first asked for. */
export function imageView(load: (options?: CallOptions) => Promise<ImageState>): ImageView {
  const state = once(load);
  const config = once(async (options?: CallOptions) => (await state(options)).readConfig(options));
  const platform = async (options?: CallOptions) => platformOf(await config(options));
  return {
    kind: "image",
    state,
    config,
    platform,
    manifest: async (options) => (await state(options)).manifest,
    layers: async (options) => (await state(options)).manifest.layers,
    family: async (options) => familyOf((await state(options)).mediaType),
    descriptor: once(async (options?: CallOptions) => {
      const now = await state(options);
      const bytes = now.bytes ?? encodeJson(now.manifest);
      const known = now.entry.platform ?? (isImageConfig(now.manifest) ? await platform(options) : undefined);
      return {
        mediaType: now.mediaType,
        digest: digestOf(bytes),
        size: bytes.byteLength,
        ...(known === undefined ? {} : { platform: known }),
        ...(now.entry.annotations === undefined ? {} : { annotations: now.entry.annotations }),
      };
    }),
  };
}

/** The image's own platform; the fields that say nothing are left out. */
export function platformOf(config: ImageConfig): Platform {
  return {
    os: config.os,
    architecture: config.architecture,
    ...(config.variant ? { variant: config.variant } : {}),
    ...(config["os.version"] ? { "os.version": config["os.version"] } : {}),
    ...(config["os.features"]?.length ? { "os.features": config["os.features"] } : {}),
  };
}

/** Runs once; a failure is not kept, because the next try may have a network. */
export function once<T>(load: (options?: CallOptions) => Promise<T>): (options?: CallOptions) => Promise<T> {
  let kept: Promise<T> | undefined;
  return (options) => {
    kept ??= load(options).catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
}

async function readConfig(store: LowerReader, manifest: Manifest, options?: CallOptions): Promise<ImageConfig> {
  if (!isImageConfig(manifest)) {
    throw new GantryError(
      "UNSUPPORTED",
      `this is an artifact (${manifest.artifactType ?? manifest.config.mediaType}), not an image`,
    );
  }
  return parseImageConfig(
    await readAll(
      store.blob(manifest.config).open({ signal: options?.signal }),
      MAX_DOCUMENT_BYTES,
      "the image configuration",
    ),
  );
}

const isImageConfig = ({ config }: Manifest): boolean =>
  config.mediaType === MEDIA_TYPES.ociConfig || config.mediaType === MEDIA_TYPES.dockerConfig;
