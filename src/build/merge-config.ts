import { posix } from "node:path";
import type { ImageConfig, RunConfig } from "../spec/index.js";
import type { ConfigPlan } from "./plan.js";

/**
 * The base's configuration with the plan's on top. Everything that the plan does not name stays, known or not.
 *
 * Docker's rules: environment variables are replaced by name, in their place; labels, ports and volumes add up; an
 * entrypoint without a cmd clears the base's cmd, which were arguments for another program; a relative working
 * directory starts from the base's.
 */
export function mergeConfig(base: ImageConfig, plan: ConfigPlan, created: string): ImageConfig {
  const old: RunConfig = base.config ?? {};
  const { Cmd: inherited, ...rest } = old;
  const cmd = plan.cmd ?? (plan.entrypoint === undefined ? inherited : undefined);
  const config: RunConfig = {
    ...rest,
    ...(plan.user === undefined ? {} : { User: plan.user }),
    ...(plan.ports === undefined ? {} : { ExposedPorts: { ...old.ExposedPorts, ...emptyValues(plan.ports) } }),
    ...(plan.env === undefined ? {} : { Env: mergeEnv(old.Env ?? [], plan.env) }),
    ...(plan.entrypoint === undefined ? {} : { Entrypoint: plan.entrypoint }),
    ...(cmd === undefined ? {} : { Cmd: cmd }),
    ...(plan.volumes === undefined ? {} : { Volumes: { ...old.Volumes, ...emptyValues(plan.volumes) } }),
    ...(plan.workdir === undefined ? {} : { WorkingDir: posix.resolve("/", old.WorkingDir ?? "", plan.workdir) }),
    ...(plan.labels === undefined ? {} : { Labels: withoutPrototype(old.Labels, plan.labels) }),
    ...(plan.stopSignal === undefined ? {} : { StopSignal: plan.stopSignal }),
    ...(plan.shell === undefined ? {} : { Shell: plan.shell }),
    ...(plan.healthcheck === undefined ? {} : { Healthcheck: plan.healthcheck }),
  };
  return { ...base, created, config };
}

function mergeEnv(old: readonly string[], set: readonly (readonly [string, string])[]): string[] {
  const byName = new Map<string, string>();
  for (const line of old) byName.set(line.split("=", 1)[0]!, line);
  for (const [name, value] of set) byName.set(name, `${name}=${value}`);
  return [...byName.values()];
}

/** Sorted, as Go writes its maps: the plan's order is no meaning here. */
function emptyValues(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.toSorted((a, b) => (a < b ? -1 : 1)).map((key) => [key, {}]));
}

/** A label may be named `__proto__`. */
function withoutPrototype(...maps: (Readonly<Record<string, string>> | undefined)[]): Record<string, string> {
  const merged = Object.create(null) as Record<string, string>;
  for (const map of maps) for (const [key, value] of Object.entries(map ?? {})) merged[key] = value;
  return merged;
}
