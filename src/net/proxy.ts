import ipaddr from "ipaddr.js";
import { GantryError } from "../errors.js";
import { hostName, type ProxySettings } from "./host.js";
import { reach } from "./origin.js";

/**
 * The proxy to use for a URL, by the rules of Go's httpproxy, which every other tool of this field follows: the scheme
 * of the target chooses the proxy, loopback is never proxied, and `noProxy` names what is not: a name means itself and
 * its subdomains, `.name` and `*.name` only the subdomains, an address itself, a CIDR block all in it, each of them
 * only at a port when one is written, and `*` everything.
 *
 * @throws GantryError USAGE when the proxy's URL is none
 */
export function proxyFor(url: URL, settings: ProxySettings | undefined): URL | undefined {
  const proxy = url.protocol === "https:" ? settings?.https : settings?.http;
  if (proxy === undefined || proxy === "") return undefined;
  if (reach(url.hostname) === "loopback") return undefined;
  if (matchesNoProxy(url, settings?.noProxy ?? "")) return undefined;
  // `proxy.corp:3128` without a scheme means http, as it does everywhere.
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  const parsed = URL.canParse(written) ? new URL(written) : undefined;
  if (parsed === undefined || !/^(https?|socks5?):$/.test(parsed.protocol) || parsed.hostname === "") {
    throw new GantryError("USAGE", `the proxy for ${url.protocol}//${url.host} is not a usable URL`, {
      hint: "Set it as http://HOST:PORT.",
    });
  }
  return parsed;
}

function matchesNoProxy(url: URL, noProxy: string): boolean {
  const host = hostName(url.host).replace(/\.$/, "");
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  const address = ipaddr.isValid(host) ? ipaddr.process(host) : undefined;
  return noProxy.split(",").some((entry) => {
    const rule = entry.trim().toLowerCase();
    if (rule === "") return false;
    if (rule === "*") return true;
    if (rule.includes("/")) return address !== undefined && inBlock(address, rule);
    const { name, port: onlyPort } = splitPort(rule);
    if (onlyPort !== undefined && onlyPort !== port) return false;
    if (ipaddr.isValid(name)) return address?.toString() === ipaddr.process(name).toString();
    if (address !== undefined) return false;
    if (name.startsWith("*.")) return host.endsWith(name.slice(1));
    if (name.startsWith(".")) return host.endsWith(name);
    return host === name || host.endsWith(`.${name}`);
  });
}

/** `[::1]:80`, `::1`, `host:80`, `host`: a port only where it cannot be a part of an address. */
function splitPort(rule: string): { name: string; port?: string } {
  const bracket = /^\[([^\]]*)\](?::(\d+))?$/.exec(rule);
  if (bracket !== null)
    return bracket[2] === undefined ? { name: bracket[1]! } : { name: bracket[1]!, port: bracket[2] };
  const single = /^([^:]*):(\d+)$/.exec(rule);
  return single === null ? { name: rule } : { name: single[1]!, port: single[2]! };
}

function inBlock(address: ipaddr.IPv4 | ipaddr.IPv6, block: string): boolean {
  if (!ipaddr.isValidCIDR(block)) return false;
  const [network, bits] = ipaddr.parseCIDR(block);
  return address.kind() === network.kind() && address.match(network, bits);
}
