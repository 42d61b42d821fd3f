import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Gantry } from "../../src/gantry.js";
import { serve } from "../../src/server/index.js";
import { LAYERS, type TestImage, writeImage } from "./image.js";

/** A registry with an image in it, and the same image in a layout. */
export interface Ground extends AsyncDisposable {
  readonly upstream: string;
  readonly image: TestImage;
  /** The image's name in the registry, without host. */
  readonly stored: string;
}

export async function openGround(layers: readonly number[] = LAYERS): Promise<Ground> {
  const root = await mkdtemp(join(tmpdir(), "gantry-faults-"));
  const image = await writeImage(join(root, "image"), layers);
  const registry = await serve({ root: join(root, "registry"), durable: false });
  const stored = "stored/image:latest";
  await using gantry = new Gantry({ dataDir: join(root, "data"), cacheDir: join(root, "cache"), env: { HOME: root } });
  await (await gantry.copy(`oci:${image.layout}:latest`, `${registry.host}/${stored}`)).apply();
  return {
    upstream: registry.url,
    image,
    stored,
    async [Symbol.asyncDispose]() {
      await registry.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
