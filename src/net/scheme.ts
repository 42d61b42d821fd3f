import { GantryError } from "../errors.js";
import { connectionError } from "./connection-error.js";
import { DEFAULT_TIMEOUTS, type HostConfig, hostName, hostOrigin } from "./host.js";
import { reach } from "./origin.js";
import { proxyFor } from "./proxy.js";

/** Whether plain HTTP may be spoken with a host at all (threats.md row 30, CVE-2014-5277). */
export function mayBePlain(host: HostConfig): boolean {
  return host.tls === "skip" || (host.tls === undefined && reach(host.name) === "loopback");
}

/**
 * Finds out where a host answers: `https` for every host, without asking, but for those that may speak plain HTTP
 * (`--tls-verify=false`, loopback where nothing was said). They are asked by one TLS handshake and no request, so that
 * nothing of a request ever goes where it should not: what answers in TLS, with whatever certificate, is `https`.
 *
 * @throws GantryError CONNECTION_FAILED (refused; worth another try), TIMEOUT
 */
export async function probeScheme(host: HostConfig, signal?: AbortSignal): Promise<URL> {
  const name = hostOrigin(host.name);
  const secure = parse(`https://${name}`, host.name);
  if (!mayBePlain(host)) return secure;
  const plain = parse(`http://${name}`, host.name);
  // Behind a proxy the handshake cannot be tried from here.
  if (proxyFor(secure, host.proxy) !== undefined) return secure;
  // A port that is written is the same for both; unwritten it is 443 or 80, whichever is there.
  try {
    return (await speaksTls(secure, host, signal)) ? secure : plain;
  } catch (error) {
    if (secure.port === "" && GantryError.is(error) && error.facts?.["cause"] === "ECONNREFUSED") return plain;
    throw error;
  }
}

function parse(url: string, name: string): URL {
  if (URL.canParse(url)) return new URL(url);
  throw new GantryError("REFERENCE_INVALID", `"${name}" is no host`, { hint: "Write it as HOST or HOST:PORT." });
}

async function speaksTls(url: URL, host: HostConfig, signal: AbortSignal | undefined): Promise<boolean> {
  signal?.throwIfAborted();
  const { connect } = await import("node:tls");
  const timeout = host.timeouts?.connect ?? DEFAULT_TIMEOUTS.connect;
  const hostname = hostName(url.host);
  return new Promise((resolve, reject) => {
    let connected = false;
    const socket = connect({
      host: hostname,
      port: url.port === "" ? 443 : Number(url.port),
      // Only whether it is TLS is asked; who it is, is checked by the connections that carry something.
      rejectUnauthorized: false,
      // Reading Node's roots takes 30 ms, and nothing is checked against them here.
      ca: [],
      ALPNProtocols: ["http/1.1"],
      ...(reach(hostname) === "public" || /[a-z]/.test(hostname.replace(/:.*/, "")) ? { servername: hostname } : {}),
    });
    const timer = setTimeout(() => {
      // It took the connection and says nothing to a handshake: not TLS. It did not even take it: not there.
      if (connected) settle(() => resolve(false));
      else
        settle(() =>
          reject(
            new GantryError("TIMEOUT", `${url.host} does not answer: no connection came about`, {
              facts: { cause: "ETIMEDOUT", host: url.host },
            }),
          ),
        );
    }, timeout);
    const onAbort = (): void => settle(() => reject(signal?.reason as Error));
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      socket.removeAllListeners();
      socket.on("error", () => {});
      socket.destroy();
      outcome();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => {
      connected = true;
    });
    socket.once("secureConnect", () => settle(() => resolve(true)));
    socket.once("close", () => settle(() => resolve(false)));
    socket.once("error", (error: Error & { code?: string }) => {
      if (!connected) return settle(() => reject(connectionError(error, "CONNECT", url)));
      // An alert (a client certificate is missing, no common version) is TLS talking; anything else is not TLS.
      settle(() => resolve(/ALERT|CERT/.test(error.code ?? "")));
    });
  });
}
