import { SemVer } from "semver";

/** A tag as a version. */
export type TagVersion = SemVer;

/** `1`, `1.2`, `v1.2.3`, `1.2.3-rc.1`, `2024.01.15`: leading zeros and missing parts are what people write in tags. */
const VERSION = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:-([0-9A-Za-z.-]{1,100}))?$/;

/** A tag as a version, or undefined when it is none. What is missing is 0, as registries' users mean it. */
export function tagVersion(tag: string): TagVersion | undefined {
  const match = VERSION.exec(tag);
  if (match === null) return undefined;
  const [, major = "0", minor = "0", patch = "0", pre] = match;
  const text = [major, minor, patch].map(Number).join(".") + (pre === undefined ? "" : `-${pre}`);
  try {
    return new SemVer(text, { loose: true });
  } catch {
    return undefined;
  }
}
