/** The key that Docker writes for its Hub. */
export const HUB_KEY = "https://index.docker.io/v1/";

const HUB_HOSTS = new Set(["docker.io", "index.docker.io", "registry-1.docker.io", "www.docker.io"]);

/**
 * A key of an auth file, or what a user types after `login`, in the one form that is compared: `host[:port]` or
 * `host[:port]/namespace/…`, the host in lower case, without scheme, `/v1/`, `/v2/` and default port, every name of
 * Docker Hub as `docker.io`. Compared as a whole, never by prefix or pattern, so that `ghcr.io.evil.com` is no
 * `ghcr.io` (threats.md rows 12, 20; docker/cli#3665).
 */
export function authKey(written: string): string {
  const scheme = /^(https?):\/\//i.exec(written);
  const rest = scheme === null ? written : written.slice(scheme[0].length);
  const slash = rest.indexOf("/");
  const authority = (slash < 0 ? rest : rest.slice(0, slash)).toLowerCase().replace(/\.(?=:|$)/, "");
  const port = scheme === null ? undefined : scheme[1]!.toLowerCase() === "https" ? ":443" : ":80";
  const host = port !== undefined && authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
  // Docker's keys with a scheme name a server, whatever path they have; Podman's without one may name a namespace.
  const path = slash < 0 || scheme !== null ? "" : rest.slice(slash).replace(/\/+$/, "");
  const name = HUB_HOSTS.has(host) ? "docker.io" : host;
  return path === "/v1" || path === "/v2" ? name : `${name}${path}`;
}

/** The keys that hold for a repository, the most specific first (containers-auth.json(5)). */
export function keysFor(host: string, repository: string | undefined): string[] {
  const name = authKey(host);
  const parts = repository === undefined ? [] : repository.split("/");
  return [...parts.map((_, index) => `${name}/${parts.slice(0, parts.length - index).join("/")}`), name];
}
