import { GantryError } from "../errors.js";
import { parseImageName, parsePlatform, type Platform, formatPlatform, type StringMap } from "../spec/index.js";
import type { Problems, YamlPath } from "../yaml/index.js";
import type { BuildPlan, ConfigPlan, FileMapping, ImagePlan, LayerCompression, LayerPlan } from "./plan.js";
import type { ExpandedPlan } from "./plan-expand.js";
import type { CompressionInput, ConfigInput, ImageInput, LayerInput, PlanInput, Scalar } from "./plan-input.js";

/** Turns what the schema let through into the one form that the build reads; what no schema can say is checked here. */
export function normalisePlan(
  input: PlanInput,
  expanded: ExpandedPlan,
  directory: string,
  problems: Problems,
): BuildPlan {
  const names = new Map<string, string>();
  const images = input.images.map((image, i): ImagePlan => {
    const path = ["images", i];
    const at = expanded.at([...path, "name"]);
    const before = names.get(image.name);
    if (before !== undefined) problems.add(at, `two images are named "${image.name}"`, `The other is at ${before}.`);
    names.set(image.name, at);
    return normaliseImage(image, path, at);
  });
  return { directory, images };

  function normaliseImage(image: ImageInput, path: YamlPath, at: string): ImagePlan {
    const compression = normaliseCompression(image.compression ?? "gzip", [...path, "compression"]);
    const tags = asList(image.tags);
    tags.forEach((tag, i) =>
      attempt([...path, "tags", ...(typeof image.tags === "string" ? [] : [i])], () => parseImageName(tag)),
    );
    if (image.base !== undefined && image.base !== "scratch") {
      const base = image.base;
      attempt([...path, "base"], () => parseImageName(base));
    }
    return {
      name: image.name,
      base: image.base === "scratch" ? undefined : image.base,
      platforms: normalisePlatforms(image, [...path, "platforms"]),
      layers: (image.layers ?? []).map((layer, i) => normaliseLayer(layer, [...path, "layers", i], compression)),
      config: normaliseConfig(image.config ?? {}, [...path, "config"]),
      annotations: stringMap(image.annotations ?? {}),
      tags,
      family: image.family,
      at,
    };
  }

  function normalisePlatforms(image: ImageInput, path: YamlPath): Platform[] {
    const platforms: Platform[] = [];
    asList(image.platforms).forEach((text, i) => {
      const platform = attempt([...path, i], () => parsePlatform(text));
      if (platform === undefined) return;
      if (platforms.some((known) => formatPlatform(known) === formatPlatform(platform)))
        problems.add(expanded.at([...path, i]), `platform ${formatPlatform(platform)} stands twice`);
      platforms.push(platform);
    });
    return platforms;
  }

  function normaliseLayer(layer: LayerInput, path: YamlPath, inherited: LayerCompression): LayerPlan {
    const [uid = 0, gid = uid] = String(layer.owner ?? "0:0")
      .split(":")
      .map(Number);
    if (Math.max(uid, gid) > MAX_ID) problems.add(expanded.at([...path, "owner"]), `an id is larger than ${MAX_ID}`);
    const mode =
      typeof layer.mode === "object"
        ? layer.mode
        : { file: layer.mode, directory: layer.mode === "keep" ? ("keep" as const) : undefined };
    const modeOf = (value: string | number | undefined): number | "keep" | undefined =>
      typeof value === "string" && value !== "keep" ? Number.parseInt(value.replace(/^0o/, ""), 8) : value;
    const key = layer.exclude === undefined ? "excludes" : "exclude";
    const exclude = layer[key] ?? [];
    if (layer.exclude !== undefined && layer.excludes !== undefined)
      problems.add(expanded.keyAt([...path, "excludes"]), "exclude and excludes are the same", "Keep one of them.");
    exclude.forEach((pattern, i) => {
      if (pattern.startsWith("!"))
        problems.add(
          expanded.at([...path, key, i]),
          "an exclude pattern cannot start with !",
          "Name what to leave out.",
        );
    });
    return {
      files: Object.entries(layer.files).map(([key, destination]) =>
        normaliseFile(key, destination, [...path, "files", key]),
      ),
      owner: { uid, gid },
      fileMode: modeOf(mode.file),
      directoryMode: modeOf(mode.directory),
      exclude,
      mtime: normaliseTime(layer.mtime, [...path, "mtime"]),
      compression:
        layer.compression === undefined ? inherited : normaliseCompression(layer.compression, [...path, "compression"]),
      comment: layer.comment,
    };
  }

  function normaliseFile(key: string, destination: string, path: YamlPath): FileMapping {
    const at = expanded.keyAt(path);
    if (key.includes("\0") || destination.includes("\0")) problems.add(at, "a path holds a zero byte");
    if (!destination.startsWith("/")) {
      problems.add(
        expanded.at(path),
        `destination ${JSON.stringify(destination)} is not absolute`,
        `Did you mean "/${destination.replace(/^\.\//, "")}"?`,
      );
    }
    const parts = destination.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes(".."))
      problems.add(expanded.at(path), `destination ${JSON.stringify(destination)} climbs with ..`);
    const into = /(?:^|\/)\.?$/.test(destination);
    const clean = `/${parts.join("/")}`;
    return { source: expanded.source(path), destination: into && clean !== "/" ? `${clean}/` : clean, at };
  }

  function normaliseTime(value: string | number | undefined, path: YamlPath): number | "keep" | undefined {
    if (value === undefined || value === "keep") return value;
    if (/^\d+$/.test(String(value))) return Number(value);
    const seconds = ISO_DATE.test(String(value)) ? Math.floor(Date.parse(String(value)) / 1000) : Number.NaN;
    if (Number.isNaN(seconds) || seconds < 0)
      problems.add(
        expanded.at(path),
        `"mtime": expected "keep", a date or seconds since 1970, not ${JSON.stringify(value)}`,
        "A date is 2026-01-31 or 2026-01-31T12:00:00Z.",
      );
    return seconds;
  }

  function normaliseCompression(value: CompressionInput, path: YamlPath): LayerCompression {
    if (typeof value === "string") return { type: value };
    if (value.level === undefined) return { type: value.type };
    const level = Number(value.level);
    const [low, high] = value.type === "zstd" ? [1, 22] : value.type === "gzip" ? [0, 9] : [0, 0];
    if (level < low || level > high)
      problems.add(
        expanded.at([...path, "level"]),
        value.type === "none"
          ? "what is not compressed has no level"
          : `${value.type} has levels ${low} to ${high}, not ${level}`,
      );
    return { type: value.type, level };
  }

  function normaliseConfig(config: ConfigInput, path: YamlPath): ConfigPlan {
    const env = Array.isArray(config.env)
      ? (config.env as readonly string[]).map(
          (line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const,
        )
      : Object.entries(config.env ?? {}).map(([name, value]) => [name, String(value)] as const);
    for (const [name] of env) {
      if (name === "" || /[=\0]/.test(name))
        problems.add(expanded.at([...path, "env"]), `${JSON.stringify(name)} is no name of a variable`);
    }
    const health = config.healthcheck;
    const test = typeof health?.test === "string" ? ["CMD-SHELL", health.test] : health?.test;
    if (test !== undefined && !["CMD", "CMD-SHELL", "NONE"].includes(test[0] ?? ""))
      problems.add(
        expanded.at([...path, "healthcheck", "test"]),
        `"test": a list starts with CMD, CMD-SHELL or NONE, not ${JSON.stringify(test[0] ?? "")}`,
        `Did you mean ${JSON.stringify(["CMD", ...test])}?`,
      );
    const durations = health && {
      ...(health.interval === undefined ? {} : { Interval: nanoseconds(health.interval) }),
      ...(health.timeout === undefined ? {} : { Timeout: nanoseconds(health.timeout) }),
      ...(health.startPeriod === undefined ? {} : { StartPeriod: nanoseconds(health.startPeriod) }),
      ...(health.startInterval === undefined ? {} : { StartInterval: nanoseconds(health.startInterval) }),
    };
    return {
      ...(config.entrypoint === undefined ? {} : { entrypoint: config.entrypoint }),
      ...(config.cmd === undefined ? {} : { cmd: config.cmd }),
      ...(config.env === undefined ? {} : { env }),
      ...(config.user === undefined ? {} : { user: String(config.user) }),
      ...(config.workdir === undefined ? {} : { workdir: config.workdir }),
      ...(config.labels === undefined ? {} : { labels: stringMap(config.labels) }),
      ...(config.ports === undefined
        ? {}
        : { ports: config.ports.flatMap((port, i) => normalisePort(String(port), [...path, "ports", i])) }),
      ...(config.volumes === undefined ? {} : { volumes: config.volumes }),
      ...(config.stopSignal === undefined ? {} : { stopSignal: String(config.stopSignal) }),
      ...(config.shell === undefined ? {} : { shell: config.shell }),
      ...(test === undefined
        ? {}
        : {
            healthcheck: {
              Test: test,
              ...durations,
              ...(health?.retries === undefined ? {} : { Retries: Number(health.retries) }),
            },
          }),
    };
  }

  /** `8000-8002/udp` is three ports, as in a Dockerfile's EXPOSE. */
  function normalisePort(text: string, path: YamlPath): string[] {
    const [, low = "", high = low, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text) ?? [];
    const [from, to] = [Number(low), Number(high)];
    if (from < 1 || to > 65535 || to < from) {
      problems.add(expanded.at(path), `${JSON.stringify(text)} is no port: they go from 1 to 65535`);
      return [];
    }
    return Array.from({ length: to - from + 1 }, (_, i) => `${from + i}/${protocol}`);
  }

  function attempt<T>(path: YamlPath, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      if (!GantryError.is(error)) throw error;
      problems.add(expanded.at(path), error.message, error.hint);
      return undefined;
    }
  }
}

/** What PAX headers and kernels can hold; -1 means "nobody" to chown. */
const MAX_ID = 0xffff_fffe;
const ISO_DATE = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))?$/;
const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's durations, as Docker writes them. */
function nanoseconds(text: string): number {
  let total = 0;
  for (const [, number = "", unit = ""] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) {
    total += Number(number) * (UNITS[unit] ?? 0);
  }
  return Math.round(total);
}

const asList = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? value.split(",").map((part) => part.trim()) : value;

/** Without a prototype: a label may be named `__proto__`. */
function stringMap(value: Readonly<Record<string, Scalar>>): StringMap {
  const map = Object.create(null) as Record<string, string>;
  for (const [key, item] of Object.entries(value)) map[key] = String(item);
  return map;
}
