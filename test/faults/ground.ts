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

/** Opens it, with gantry's own registry unless another one is given (`http://127.0.0.1:PORT`). */
export async function openGround(layers: readonly number[] = LAYERS, given?: string): Promise<Ground> {
  const root = await mkdtemp(join(tmpdir(), "gantry-faults-"));
  const image = await writeImage(join(root, "image"), layers);
  const own = given === undefined ? await serve({ root: join(root, "registry"), durable: false }) : undefined;
  const upstream = given ?? own!.url;
  // A given registry may be that of other grounds too.
  const stored =
    given === undefined ? "stored/image:latest" : `stored/image-${image.manifest.digest.slice(7, 19)}:latest`;
  await using gantry = new Gantry({ dataDir: join(root, "data"), cacheDir: join(root, "cache"), env: { HOME: root } });
  await (await gantry.copy(`oci:${image.layout}:latest`, `${new URL(upstream).host}/${stored}`)).apply();
  return {
    upstream,
    image,
    stored,
    async [Symbol.asyncDispose]() {
      await own?.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
