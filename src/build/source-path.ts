import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { GantryError } from "../errors.js";
import type { Platform } from "../spec/index.js";
import { formatPlatform } from "../spec/index.js";
import type { FileMapping } from "./plan.js";
import { fillTemplate } from "./template.js";
import { nearest } from "../spec/index.js";

/** A mapping's source on this machine. */
export interface SourcePath {
  /** As the plan writes it. */
  readonly shown: string;
  /** Absolute, links followed. */
  readonly path: string;
}

/**
 * Finds a mapping's source. What the plan writes inside its folder has to be inside it: a symbolic link may not lead
 * out (CVE-2024-1753 and its family). Whoever wants a file from outside writes its path, with `..` or absolute.
 *
 * @throws GantryError FILE_NOT_FOUND with the plan's line, PLAN_INVALID for a link that leads out
 */
export async function findSource(mapping: FileMapping, directory: string, platform: Platform): Promise<SourcePath> {
  const shown = fillTemplate(mapping.source, platform);
  const lexical = resolve(directory, shown);
  let path: string;
  try {
    path = await realpath(lexical);
  } catch (cause) {
    throw await missing(cause, lexical, shown, mapping, platform);
  }
  if (isInside(directory, lexical) && !isInside(await realpath(directory), path)) {
    throw new GantryError(
      "PLAN_INVALID",
      `${mapping.at}: ${shown} is a symbolic link that leads out of the plan's folder`,
      {
        hint: "Write the path of what it points at, if that is wanted.",
        facts: { at: mapping.at },
      },
    );
  }
  return { shown, path };
}

const isInside = (directory: string, path: string): boolean => {
  const way = relative(directory, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
};

async function missing(
  cause: unknown,
  path: string,
  shown: string,
  { at, source }: FileMapping,
  platform: Platform,
): Promise<GantryError> {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code !== "ENOENT" && code !== "ENOTDIR") {
    return new GantryError("IO", `cannot read ${shown}: ${code ?? String(cause)}`, { where: at, cause });
  }
  const dangling = await lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    () => false,
  );
  const siblings = await readdir(dirname(path)).catch(() => []);
  const near = nearest(basename(path), siblings);
  const forPlatform = source.some((part) => typeof part !== "string") ? ` for ${formatPlatform(platform)}` : "";
  return new GantryError(
    "FILE_NOT_FOUND",
    dangling ? `source ${shown} is a symbolic link to nothing` : `source ${shown} does not exist${forPlatform}`,
    {
      where: at,
      hint:
        near === undefined || dangling
          ? "Sources are relative to the plan file; build what makes it first."
          : `Did you mean ${JSON.stringify(`${shown.slice(0, shown.length - basename(shown).length)}${near}`)}?`,
      facts: { path: shown },
      cause,
    },
  );
}
