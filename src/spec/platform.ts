import { GantryError } from "../errors.js";

/** What a manifest in an index runs on (image-spec 1.1, image-index.md, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

const ARCHITECTURE_ALIASES: Readonly<Record<string, readonly [string, string?]>> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  x64: ["amd64"],
  i386: ["386"],
  i686: ["386"],
  ia32: ["386"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
};

/**
 * Names a platform the way that everyone compares it: lower case, aliases resolved (`aarch64`, `macos`), and the
 * variant that says nothing removed (`arm64/v8`, `amd64/v1`); a bare `arm` means `arm/v7` (containerd's rules).
 */
export function normalisePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const [architecture, aliasVariant] = ARCHITECTURE_ALIASES[given] ?? [given];
  let variant: string | undefined = platform.variant?.toLowerCase() || aliasVariant;
  if (variant !== undefined && /^\d/.test(variant) && (architecture === "arm" || architecture === "arm64"))
    variant = `v${variant}`;
  if (architecture === "arm" && variant === undefined) variant = "v7";
  if ((architecture === "arm64" && variant === "v8") || (architecture === "amd64" && variant === "v1"))
    variant = undefined;
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(platform["os.version"] ? { "os.version": platform["os.version"] } : {}),
    ...(platform["os.features"]?.length ? { "os.features": platform["os.features"] } : {}),
  };
}

/**
 * Reads `os/architecture[/variant]`, with an os.version as `os(version)/…` as containerd writes it.
 *
 * @throws GantryError PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const match =
    /^(?<os>[A-Za-z0-9_.-]+)(?:\((?<version>[A-Za-z0-9_.-]+)\))?\/(?<arch>[A-Za-z0-9_.-]+)(?:\/(?<variant>[A-Za-z0-9_.-]+))?$/.exec(
      text.trim(),
    );
  if (match?.groups === undefined) {
    throw new GantryError("PLATFORM_INVALID", `invalid platform ${JSON.stringify(text)}`, {
      hint: "A platform is os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7.",
    });
  }
  const { os = "", version, arch = "", variant } = match.groups;
  return normalisePlatform({
    os,
    architecture: arch,
    ...(variant === undefined ? {} : { variant }),
    ...(version === undefined ? {} : { "os.version": version }),
  });
}

/** `linux/arm/v7`; an os.version follows the os in brackets. */
export function formatPlatform(platform: Platform): string {
  const version = platform["os.version"];
  const head = version === undefined ? platform.os : `${platform.os}(${version})`;
  return [head, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join("/");
}

/** True when both name the same platform after normalisation; os.version and os.features count only where `wanted` has them. */
export function matchesPlatform(wanted: Platform, offered: Platform): boolean {
  const w = normalisePlatform(wanted);
  const o = normalisePlatform(offered);
  if (w.os !== o.os || w.architecture !== o.architecture || w.variant !== o.variant) return false;
  if (w["os.version"] !== undefined && w["os.version"] !== o["os.version"]) return false;
  return (w["os.features"] ?? []).every((feature) => o["os.features"]?.includes(feature));
}

/**
 * The platforms whose images a machine of this platform runs, the best first: itself, then older variants of the same
 * architecture (containerd's `platforms.Only`, without its step from 64-bit Arm down to 32-bit).
 */
export function platformChoices(platform: Platform): readonly Platform[] {
  const wanted = normalisePlatform(platform);
  const level = /^v([2-9])$/.exec(wanted.variant ?? "")?.[1];
  const lowest = wanted.architecture === "arm" ? 5 : wanted.architecture === "arm64" ? 8 : 1;
  const olderRun = ["arm", "arm64", "amd64"].includes(wanted.architecture);
  if (level === undefined || !olderRun) return [wanted];
  const choices: Platform[] = [wanted];
  for (let older = Number(level) - 1; older >= lowest; older--)
    choices.push(normalisePlatform({ ...wanted, variant: `v${older}` }));
  return choices;
}
