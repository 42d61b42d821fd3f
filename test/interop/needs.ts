import { locate, peers } from "./peers.mjs";

/** Which peers a test file uses, and whether it can run without them. */
export interface Needs {
  /** For `describe.skipIf`: true where a peer is missing. Never under CI, where that is a failure. */
  readonly skip: boolean;
  /** A peer's path. @throws Error where it is missing. */
  path(name: string): string;
}

/**
 * Looks for the peers that a test needs. On a user's machine a missing one is said in one plain line and the test is
 * skipped; under `CI=true` it throws, because a skipped interop test proves nothing. Optional peers are the exception.
 */
export function needs(names: readonly string[], options: { root?: boolean } = {}): Needs {
  const missing = names.map(locate).filter((found) => found.path === undefined);
  const reasons = missing.map((found) => `${found.name}: ${found.missing}`);
  const optional = missing.every((found) => peers.find((peer) => peer.name === found.name)?.optional === true);
  const notRoot = options.root === true && process.getuid?.() !== 0;
  if (notRoot) reasons.push("running a container engine here needs root");
  if (reasons.length > 0) {
    if (process.env["CI"] === "true" && !(optional && !notRoot)) throw new Error(`under CI: ${reasons.join("; ")}`);
    console.warn(`skipped, ${reasons.join("; ")}`);
  }
  return {
    skip: reasons.length > 0,
    path(name) {
      const { path, missing: why } = locate(name);
      if (path === undefined) throw new Error(`${name}: ${why}`);
      return path;
    },
  };
}
