import type { Report } from "../gantry.js";
import type { Context } from "./context.js";
import { plural } from "./format.js";
import { printOutcome, toJson } from "./transfer-output.js";

/** One image that was built. */
export interface BuiltImage {
  readonly name: string;
  readonly report: Report;
  readonly layersBuilt: number;
  readonly layersCached: number;
}

/**
 * Prints what a build made. Under `--json` one image gives the object of a write with its name; several give it under
 * `images`.
 */
export async function printBuild(
  context: Context,
  built: BuiltImage[],
  { dryRun, requests }: { dryRun: boolean; requests: number },
): Promise<void> {
  if (!context.json) {
    for (const { name, report, layersBuilt, layersCached } of built) {
      context.note(`${name}: ${plural(layersBuilt, "layer")} built, ${layersCached} from the cache.`);
      await printOutcome(context, { report, requests, dryRun });
    }
    return;
  }
  const objects = built.map(({ name, report, layersBuilt, layersCached }) => ({
    name,
    ...toJson(context, report, requests),
    layers: { built: layersBuilt, cached: layersCached },
  }));
  context.print(objects.length === 1 ? objects[0] : { images: objects, requests }, "");
}
