import { GantryError } from "../errors.js";
import { parseHost, parseReference, type RepositoryName } from "../spec/index.js";

/** The repositories that registries keep for asking about quotas (docs.docker.com/docker-hub/usage/pulls). */
const KEPT_FOR_IT: Readonly<Record<string, string>> = { "docker.io": "ratelimitpreview/test" };

/**
 * Which repository is asked about a quota: the one that is named, or the registry's own for it.
 *
 * @throws GantryError USAGE where a host alone does not do, REFERENCE_INVALID
 */
export function quotaPlace(name: string): RepositoryName {
  const plain = name.replace(/^docker:\/\//, "").replace(/\/+$/, "");
  if (plain.includes("/")) {
    const { host, repository } = parseReference(plain);
    return { host, repository };
  }
  const host = parseHost(plain).replace(/^(?:index|registry-1)\.docker\.io$/, "docker.io");
  const repository = KEPT_FOR_IT[host];
  if (repository !== undefined) return { host, repository };
  throw new GantryError("USAGE", "a registry tells its quota for a repository", {
    where: name,
    hint: `Name one: gantry quota ${host}/REPOSITORY.`,
  });
}
