import { readFile } from "node:fs/promises";
import { GantryError } from "../errors.js";
import { isDigest, isTag, parseHost, parsePlatform, parseReference } from "../spec/index.js";
import { checkShape, type Located, locate, Problems, readYaml, type YamlPath } from "../yaml/index.js";
import { compilePattern } from "./pattern.js";
import type { RegistryAccess, SyncPlan, SyncRule } from "./sync-rule.js";
import type { AccessInput, SkopeoFileInput, SyncFileInput, TagsInput, TextsInput, YesInput } from "./sync-input.js";
import { compileTagRules, type TagRules } from "./tag-rules.js";

/** Far beyond any list that a person or a generator writes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

/**
 * Reads a sync file: gantry's own, which has `sync:` at the top, or skopeo's (skopeo-sync(1)), a map of registries.
 *
 * @param file what it is called in messages
 * @throws GantryError FILE_NOT_FOUND; PLAN_INVALID with line and column of everything that is wrong
 */
export async function readSyncFile(path: string, file: string = path): Promise<SyncPlan> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new GantryError("FILE_NOT_FOUND", "no such sync file", { where: file, cause });
    throw new GantryError("IO", `cannot read the sync file: ${code ?? "unknown"}`, { where: file, cause });
  }
  if (bytes.byteLength > MAX_FILE_BYTES)
    throw new GantryError("PLAN_INVALID", `${file} is larger than ${MAX_FILE_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new GantryError("PLAN_INVALID", `${file}:1:1: the file is not UTF-8`, { cause });
  }
  return parseSyncFile(text, file);
}

/** The same from its text. @throws GantryError PLAN_INVALID */
export async function parseSyncFile(text: string, file: string): Promise<SyncPlan> {
  const problems = new Problems();
  const located = locate(await readYaml(text, file), problems);
  const { skopeoSchema, syncSchema } = await import("./sync-schema.js");
  const isOwn = typeof located.value === "object" && located.value !== null && "sync" in located.value;
  const reading = new Reading(located, problems);
  let plan: SyncPlan | undefined;
  if (isOwn) {
    const input = checkShape(located, { schema: syncSchema, noun: "sync file" }, problems);
    plan = input === undefined ? undefined : await reading.own(input);
  } else {
    const input = checkShape(located, { schema: skopeoSchema, noun: "sync file" }, problems);
    plan = input === undefined ? undefined : await reading.skopeo(input);
  }
  problems.throwIfAny();
  if (plan === undefined || plan.rules.length === 0)
    throw new GantryError("PLAN_INVALID", `${file}:1:1: the sync file names no image`);
  return plan;
}

/** Turns what the schema let through into rules; what no schema can say is checked here. */
class Reading {
  readonly #located: Located;
  readonly #problems: Problems;

  constructor(located: Located, problems: Problems) {
    this.#located = located;
    this.#problems = problems;
  }

  async own(input: SyncFileInput): Promise<SyncPlan> {
    const registries = new Map<string, RegistryAccess>();
    for (const [host, access] of Object.entries(input.registries ?? {})) {
      const name = this.#try(["registries", host], () => parseHost(host), true);
      if (name !== undefined) registries.set(name, accessOf(access));
    }
    const rules: SyncRule[] = [];
    for (const [i, entry] of input.sync.entries()) {
      const here: YamlPath = ["sync", i];
      const whole = { ...input.defaults, ...entry };
      const placeOf = (key: keyof typeof whole): YamlPath => (key in entry ? [...here, key] : ["defaults", key]);
      const { names, ...tags } = entry.tags ?? {};
      if (names !== undefined && Object.keys(tags).length > 0)
        this.#problems.add(
          this.#located.keyAt([...here, "tags", "names"]),
          '"names" excludes the other keys of "tags"',
        );
      const exact = names === undefined ? undefined : this.#names(listOf(names), [...here, "tags", "names"]);
      rules.push({
        source: entry.source,
        dest: entry.dest,
        names: exact,
        tags: entry.tags === undefined || names !== undefined ? undefined : await this.#tags(tags, [...here, "tags"]),
        immutable: this.#patterns(whole.immutable, placeOf("immutable")),
        delete: isYes(whole.delete),
        platforms: listOf(whole.platforms).map((platform, at) =>
          this.#platform(platform, [...placeOf("platforms"), at]),
        ),
        attached: whole.attached === undefined ? undefined : listOf(whole.attached),
        access: registries.get(this.#hostOf(entry.source, [...here, "source"]) ?? ""),
      });
    }
    return { rules, concurrency: input.concurrency === undefined ? undefined : Number(input.concurrency) };
  }

  async skopeo(input: SkopeoFileInput): Promise<SyncPlan> {
    const rules: SyncRule[] = [];
    for (const [registry, settings] of Object.entries(input)) {
      const host = this.#try([registry], () => parseHost(registry), true) ?? registry;
      const access = accessOf(settings);
      const sourceOf = (repository: string, path: YamlPath): string => {
        const source = `${host}/${repository}`;
        this.#try(path, () => parseReference(source), true);
        return source;
      };
      for (const [repository, tags] of Object.entries(settings.images ?? {})) {
        const path = [registry, "images", repository];
        const names = tags === null || tags.length === 0 ? undefined : this.#names(tags, path);
        rules.push({ source: sourceOf(repository, path), names, access });
      }
      for (const [repository, pattern] of Object.entries(settings["images-by-tag-regex"] ?? {})) {
        const path = [registry, "images-by-tag-regex", repository];
        rules.push({ source: sourceOf(repository, path), tags: { allow: this.#patterns(pattern, path) }, access });
      }
      for (const [repository, semver] of Object.entries(settings["images-by-semver"] ?? {})) {
        const path = [registry, "images-by-semver", repository];
        rules.push({ source: sourceOf(repository, path), tags: await this.#tags({ semver }, path), access });
      }
    }
    return { rules };
  }

  async #tags(input: Omit<TagsInput, "names">, path: YamlPath): Promise<TagRules> {
    const rules: TagRules = {
      allow: this.#patterns(input.allow, [...path, "allow"]),
      deny: this.#patterns(input.deny, [...path, "deny"]),
      glob: input.glob === undefined ? undefined : listOf(input.glob),
      semver: input.semver,
      newest: input.newest === undefined ? undefined : Number(input.newest),
    };
    try {
      await compileTagRules(rules);
    } catch (error) {
      this.#problems.add(this.#located.at([...path, "semver"]), messageOf(error));
    }
    return rules;
  }

  #patterns(input: TextsInput | undefined, path: YamlPath): RegExp[] | undefined {
    if (input === undefined) return undefined;
    return listOf(input).flatMap((text, at) => this.#try([...path, at], () => compilePattern(text)) ?? []);
  }

  #platform(platform: string, path: YamlPath): string {
    this.#try(path, () => parsePlatform(platform));
    return platform;
  }

  #names(names: readonly string[], path: YamlPath): readonly string[] {
    for (const [at, name] of names.entries()) {
      if (!isTag(name) && !isDigest(name))
        this.#problems.add(this.#located.at([...path, at]), `${JSON.stringify(name)} is neither a tag nor a digest`);
    }
    return names;
  }

  /** The registry of a source; undefined for a source that is none. */
  #hostOf(source: string, path: YamlPath): string | undefined {
    if (/^(?:oci|local):/.test(source)) return undefined;
    return this.#try(path, () => parseReference(source.replace(/^docker:\/\//, "")))?.host;
  }

  #try<T>(path: YamlPath, act: () => T, isKey = false): T | undefined {
    try {
      return act();
    } catch (error) {
      const at = isKey ? this.#located.keyAt(path) : this.#located.at(path);
      this.#problems.add(at, messageOf(error), GantryError.is(error) ? error.hint : undefined);
      return undefined;
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const listOf = (value: TextsInput | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

const isYes = (value: YesInput | undefined): boolean => value === true || value === "true";

function accessOf(input: AccessInput): RegistryAccess {
  const verify = input["tls-verify"];
  return {
    username: input.credentials?.username,
    password: input.credentials?.password,
    certDir: input["cert-dir"],
    tlsVerify: verify === undefined ? undefined : isYes(verify),
  };
}
