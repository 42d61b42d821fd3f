import ipaddr from "ipaddr.js";
import { GantryError } from "../errors.js";
import { hostName } from "./host.js";

/**
 * The one rule for where a credential belongs: scheme, host and port are the same, default ports written or not
 * (threats A: fourteen advisories of this field are this check, missing).
 */
export function sameOrigin(a: URL, b: URL): boolean {
  return a.protocol === b.protocol && a.host === b.host;
}

/** How far an address reaches. `loopback` is this machine, `private` a network of its own, `public` the rest. */
export type Reach = "loopback" | "private" | "public";

/**
 * How far a host's address reaches, from the host as it is written. A name is `public`, `localhost` and its
 * subdomains aside; link-local, carrier-grade, multicast, reserved and unspecified addresses count as `private`.
 */
export function reach(host: string): Reach {
  const name = hostName(host).replace(/\.$/, "");
  if (name === "localhost" || name.endsWith(".localhost")) return "loopback";
  if (!ipaddr.isValid(name)) return "public";
  // ::ffff:10.0.0.1 is 10.0.0.1.
  const range = ipaddr.process(name).range();
  if (range === "loopback") return "loopback";
  return range === "unicast" ? "public" : "private";
}

/**
 * Refuses what a registry's answer must not make a client do: go from HTTPS down to HTTP, speak another protocol,
 * carry a user name in the URL, or reach into this machine's or a private network from a registry that is not in it
 * (threats.md rows 21-23). What is in the same place as the registry itself is allowed.
 *
 * @throws GantryError ORIGIN_REFUSED
 */
export function checkTarget(from: URL, to: URL, registry: URL, what: string): void {
  const refuse = (why: string): GantryError =>
    new GantryError("ORIGIN_REFUSED", `${registry.host} ${what} ${to.protocol}//${to.host}, ${why}`, {
      hint: "Ask who runs the registry; gantry does not go there.",
      facts: { from: from.host, to: to.host },
    });
  if (to.protocol !== "https:" && to.protocol !== "http:") throw refuse("which is neither http nor https");
  if (to.username !== "" || to.password !== "") throw refuse("with a user name in the URL");
  if (to.protocol === "http:" && from.protocol === "https:") throw refuse("which would leave TLS");
  if (to.hostname === registry.hostname || to.hostname === from.hostname) return;
  const there = reach(to.hostname);
  const here = reach(registry.hostname);
  if (there === "public" || here === "loopback" || here === there) return;
  throw refuse("which is an address inside a private network");
}

/**
 * Whether a registry's token service may be asked, and shown credentials: the same host at any port, or a host of the
 * same registrable domain (public suffix list), HTTPS where the registry has HTTPS, no user name in the URL
 * (threats.md rows 1-5, faults.md P37; the rule of distribution's CVE-2026-33540). An address is only ever the same as
 * itself. `allowed` names hosts, with or without port, that the user trusts in addition.
 */
export async function realmAllowed(registry: URL, realm: URL, allowed: readonly string[] = []): Promise<boolean> {
  if (realm.protocol !== "https:" && !(realm.protocol === "http:" && registry.protocol === "http:")) return false;
  if (realm.username !== "" || realm.password !== "") return false;
  if (realm.hostname === registry.hostname) return true;
  if (allowed.some((host) => host.toLowerCase() === realm.host || host.toLowerCase() === realm.hostname)) return true;
  if (ipaddr.isValid(hostName(realm.host)) || ipaddr.isValid(hostName(registry.host))) return false;
  // The public suffix list is 150 kB of code: only a realm at another host pays for it.
  const { getDomain } = await import("tldts");
  // Private suffixes count: two tenants of azurecr.io or github.io are two owners.
  const options = { allowPrivateDomains: true } as const;
  const domain = getDomain(registry.hostname, options);
  return domain !== null && domain === getDomain(realm.hostname, options);
}
