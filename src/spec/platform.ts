import { GantryError } from "../errors.js";

/** What a manifest in an index runs on (image-spec 1.1, image-index.md, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
  readonly "os.features"?: readonly string[];
}

/** The names that kernels, Debian and Node have for what Go calls otherwise; a variant here overrides the given one. */
const ARCHITECTURE_ALIASES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["x64", ["amd64"]],
  ["i386", ["386", ""]],
  ["i686", ["386", ""]],
  ["ia32", ["386", ""]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
] as const);

/**
 * Names a platform the way that everyone compares it: lower case, aliases resolved (`aarch64`, `macos`), and the
 * variant that says nothing removed (`arm64/v8`, `amd64/v1`); a bare `arm` means `arm/v7` (containerd's rules).
 */
export function normalisePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === "macos" ? "darwin" : platform.os.toLowerCase();
  const given = platform.architecture.toLowerCase();
  const [architecture, fixed] = ARCHITECTURE_ALIASES.get(given) ?? [given];
  let variant = fixed ?? platform.variant?.toLowerCase() ?? "";
  if (/^\d/.test(variant) && (architecture === "arm" || architecture === "arm64")) variant = `v${variant}`;
  if (architecture === "arm" && variant === "") variant = "v7";
  if (SAYS_NOTHING.has(`${architecture}/${variant}`)) variant = "";
  const features = platform["os.features"];
  return {
    os,
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(platform["os.version"] ? { "os.version": platform["os.version"] } : {}),
    ...(features?.length ? { "os.features": [...new Set(features)].sort() } : {}),
  };
}

const SAYS_NOTHING: ReadonlySet<string> = new Set(["arm64/v8", "amd64/v1"]);

const FORM =
  /^(?<os>[a-z0-9_.-]+)(?:\((?<version>[a-z0-9_.%-]*)(?<features>(?:\+[a-z0-9_.%-]+)*)\))?\/(?<arch>[a-z0-9_.-]+)(?:\/(?<variant>[a-z0-9_.-]+))?$/i;
const MAX_PLATFORM = 1024;

/**
 * Reads `os/architecture[/variant]`; an os.version and os.features follow the os in brackets, as containerd writes them:
 * `windows(10.0.17763+win32k)/amd64`. A lone `linux` or `amd64` is refused, for what the other half is depends on the
 * machine.
 *
 * @throws GantryError PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const { os, version, features, arch, variant } =
    (text.length <= MAX_PLATFORM ? FORM.exec(text.trim())?.groups : undefined) ?? {};
  if (os === undefined || arch === undefined) throw invalid(text);
  return normalisePlatform({
    os,
    architecture: arch,
    ...(variant === undefined ? {} : { variant }),
    ...(version ? { "os.version": unescape(version, text) } : {}),
    ...(features
      ? {
          "os.features": features
            .slice(1)
            .split("+")
            .map((feature) => unescape(feature, text)),
        }
      : {}),
  });
}

/** `linux/arm/v7`; what {@link parsePlatform} reads. */
export function formatPlatform(platform: Platform): string {
  const inner = [platform["os.version"] ?? "", ...(platform["os.features"] ?? [])].map(escape).join("+");
  const head = inner === "" ? platform.os : `${platform.os}(${inner})`;
  return [head, platform.architecture, ...(platform.variant ? [platform.variant] : [])].join("/");
}

/** Percent-encodes what would end the bracket, as containerd does. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!~*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function unescape(escaped: string, whole: string): string {
  try {
    return decodeURIComponent(escaped);
  } catch {
    throw invalid(whole);
  }
}

function invalid(text: string): GantryError {
  return new GantryError("PLATFORM_INVALID", `invalid platform ${JSON.stringify(text.slice(0, 160))}`, {
    hint: "A platform is os/architecture or os/architecture/variant, such as linux/amd64 or linux/arm/v7.",
  });
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
