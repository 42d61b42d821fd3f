import { choosePlatform, type LowerReader } from "../content/index.js";
import { GantryError } from "../errors.js";
import { convertFamily, type ImageView, openView, scratch, withPlatform } from "../images/index.js";
import {
  type Descriptor,
  familyOf,
  formatPlatform,
  formatReference,
  matchesPlatform,
  parseImageName,
  type Platform,
} from "../spec/index.js";
import type { ImagePlan } from "./plan.js";

/** Where a base lies: any store, and the manifest or index that its name points at. */
export interface ResolvedBase {
  readonly store: LowerReader;
  readonly descriptor: Descriptor;
}

/** A base for one platform, in the family that the image is going to have. */
export interface BaseImage {
  readonly view: ImageView;
  /** What the image's annotations say of it; undefined for scratch. */
  readonly origin: { readonly digest: string; readonly name: string | undefined } | undefined;
}

/**
 * Opens the base of an image for a platform. The family is the plan's, or the base's: an image whose manifest is of one
 * family and whose layers are of the other is one that some engines refuse.
 *
 * @throws GantryError PLATFORM_NOT_FOUND with the platforms that the base has; UNSUPPORTED where the base is an
 *   artifact or cannot be converted
 */
export async function openBase(
  image: ImagePlan,
  base: ResolvedBase | undefined,
  platform: Platform,
  signal: AbortSignal | undefined,
): Promise<BaseImage> {
  if (base === undefined) return { view: scratch(platform, image.family ?? "oci"), origin: undefined };
  const name = image.base ?? "";
  const descriptor = await choosePlatform(base.store, base.descriptor, platform, { signal }).catch((error: unknown) => {
    if (!GantryError.is(error) || error.code !== "PLATFORM_NOT_FOUND") throw error;
    throw new GantryError("PLATFORM_NOT_FOUND", `the base ${name} has no image for ${formatPlatform(platform)}`, {
      where: image.at,
      hint: error.hint,
      cause: error,
    });
  });
  const opened = openView(base.store, descriptor);
  if (opened.kind !== "image") throw new GantryError("INTERNAL", "the choice of a platform is an index");
  const there = await opened.platform({ signal });
  if (there.os && there.architecture && there.architecture !== platform.architecture) {
    throw new GantryError(
      "PLATFORM_NOT_FOUND",
      `the base ${name} is for ${formatPlatform(there)}, not ${formatPlatform(platform)}`,
      {
        where: image.at,
      },
    );
  }
  // The base may be for an older variant that the platform runs: what is built on it is for the platform.
  const view =
    there.os && there.architecture && matchesPlatform(platform, there) ? opened : withPlatform(opened, platform);
  const family = image.family ?? familyOf((await opened.state({ signal })).mediaType);
  return { view: convertFamily(view, family), origin: { digest: descriptor.digest, name: publicName(name) } };
}

/** A registry's name in full. Paths are this machine's business and stay here. */
export function publicName(base: string): string | undefined {
  const name = parseImageName(base);
  return name.transport === "docker" ? formatReference(name.reference) : undefined;
}
