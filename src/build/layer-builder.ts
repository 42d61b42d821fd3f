import type { LimitFunction } from "p-limit";
import { fillTemplate, templateText } from "./template.js";
import type { Platform } from "../spec/index.js";
import type { BuildEvent } from "./build-events.js";
import { collectFiles } from "./file-tree.js";
import { type BuiltLayer, buildLayer } from "./layer.js";
import type { LayerCache } from "./layer-cache.js";
import { layerKeys } from "./layer-keys.js";
import type { ImagePlan, LayerPlan } from "./plan.js";
import type { SourceReader } from "./read-source.js";

/** What a build's layers have in common. */
export interface LayerBuilderOptions {
  readonly cache: LayerCache;
  readonly directory: string;
  readonly epoch: number;
  readonly limit: LimitFunction;
  readonly signal: AbortSignal;
  readonly onEvent: ((event: BuildEvent) => void) | undefined;
  readonly read?: SourceReader;
}

/** Builds the layers of one run, each once, however many platforms and images have it. */
export class LayerBuilder {
  readonly #options: LayerBuilderOptions;
  readonly #running = new Map<string, Promise<BuiltLayer>>();
  readonly #warned = new Set<string>();

  constructor(options: LayerBuilderOptions) {
    this.#options = options;
  }

  /** The layers of an image on a platform, in order. */
  async build(image: ImagePlan, platform: Platform): Promise<readonly BuiltLayer[]> {
    const settled = await Promise.allSettled(
      image.layers.map((layer) => this.#options.limit(() => this.#list(image, layer, platform))),
    );
    const listed = settled.map((one) => {
      if (one.status === "rejected") throw one.reason;
      return one.value;
    });
    const built = await Promise.allSettled(listed.map((start) => start()));
    return built.map((one) => {
      if (one.status === "rejected") throw one.reason;
      return one.value;
    });
  }

  /** Lists first and all of it: a missing file is known before anything is compressed. */
  async #list(image: ImagePlan, layer: LayerPlan, platform: Platform): Promise<() => Promise<BuiltLayer>> {
    const { cache, directory, epoch, limit, signal, onEvent, read } = this.#options;
    const about = { image: image.name, layer: nameOf(layer, platform) };
    signal.throwIfAborted();
    this.#warn(image, layer);
    const listedAt = Date.now();
    const entries = await collectFiles(layer, { directory, platform, epoch, signal });
    const files = entries.filter((entry) => entry.type === "file");
    const bytes = files.reduce((sum, file) => sum + file.stamp.size, 0);
    const key = layerKeys(entries, layer.compression).stamps;

    return async () => {
      const running = this.#running.get(key);
      const shared = running !== undefined;
      const work =
        running ??
        limit(() => {
          signal.throwIfAborted();
          onEvent?.({ type: "layer-started", ...about, files: files.length, bytes });
          return buildLayer(entries, {
            cache,
            compression: layer.compression,
            listedAt,
            signal,
            ...(read === undefined ? {} : { read }),
            onBytes: onEvent && ((count) => onEvent({ type: "bytes", ...about, bytes: count })),
          });
        });
      this.#running.set(key, work);
      const done = await work;
      onEvent?.({ type: "layer-done", ...about, how: shared ? "shared" : done.how, descriptor: done.descriptor });
      return done;
    };
  }

  /** On a base whose /bin is a link to /usr/bin, a directory of that name in a layer takes the link's place. */
  #warn(image: ImagePlan, layer: LayerPlan): void {
    if (image.base === undefined) return;
    for (const { destination } of layer.files) {
      const top = /^\/((?:s?bin|lib(?:32|64|x32)?)\/)/.exec(destination)?.[1];
      if (top === undefined) continue;
      const message = `${destination}: on most bases /${top.slice(0, -1)} is a link to /usr/${top.slice(0, -1)}, which this layer would replace; write /usr${destination}`;
      // Once, not for each platform.
      if (this.#warned.has(`${image.name} ${message}`)) continue;
      this.#warned.add(`${image.name} ${message}`);
      this.#options.onEvent?.({ type: "warning", image: image.name, message });
    }
  }
}

/** `./dist -> /app`: what progress calls it. */
function nameOf(layer: LayerPlan, platform: Platform): string {
  const [first, ...more] = layer.files;
  if (first === undefined) return "no files";
  const source = first.source.some((part) => typeof part !== "string")
    ? fillTemplate(first.source, platform)
    : templateText(first.source);
  return `${source} -> ${first.destination}${more.length > 0 ? ` and ${more.length} more` : ""}`;
}
