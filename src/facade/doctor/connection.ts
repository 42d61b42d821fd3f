import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP } from "node:net";
import { hostName, proxyFor } from "../../net/index.js";
import type { DoctorClient } from "./client.js";
import type { Findings, Timings } from "./finding.js";

const DEADLINE_MS = 10_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Looks at the way to a host: name, connection, TLS, proxy. Each step on its own, so that each has its time. */
export async function checkConnection(client: DoctorClient, findings: Findings): Promise<Timings> {
  const { origin, host } = client;
  const timings: Mutable<Timings> = {};
  const proxy = proxyFor(origin, host.proxy);
  if (proxy !== undefined) {
    findings.ok(
      "proxy",
      `through ${proxy.protocol}//${proxy.host}`,
      "It is set by HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
    );
    findings.unknown("connection", "the proxy makes it");
    return timings;
  }
  findings.ok("proxy", "none: direct");
  const name = hostName(origin.host);
  const port = origin.port === "" ? (origin.protocol === "https:" ? 443 : 80) : Number(origin.port);
  let addresses = [name];
  if (isIP(name) === 0) {
    const began = performance.now();
    addresses = (await lookup(name, { all: true })).map((found) => found.address);
    timings.dns = performance.now() - began;
    findings.ok("name", addresses.slice(0, 6).join(", "));
  }
  const { address, milliseconds } = await firstThatConnects(addresses, port);
  timings.tcp = milliseconds;
  if (origin.protocol !== "https:") {
    findings.no("TLS", "plain HTTP", "What is sent can be read on the way; only for this machine and for tests.");
    return timings;
  }
  const tls = await handshake(address, port, name);
  timings.tls = Math.max(0, tls.milliseconds - timings.tcp);
  const days = Math.floor((Date.parse(tls.validTo) - Date.now()) / 86_400_000);
  const detail = `${tls.protocol}, certificate of ${tls.issuer}, valid for ${days} days`;
  if (days < 0) findings.no("TLS", `${tls.protocol}, the certificate ended ${-days} days ago`, "Renew it.");
  else findings.ok("TLS", detail, days < 14 ? "Renew the certificate soon." : undefined);
  return timings;
}

/** `localhost` may be two addresses of which one is listened on. */
async function firstThatConnects(
  addresses: readonly string[],
  port: number,
): Promise<{ address: string; milliseconds: number }> {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return { address, milliseconds: await connectTime(address, port) };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function connectTime(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = connectTcp({ host, port, timeout: DEADLINE_MS });
    socket.once("connect", () => {
      resolve(performance.now() - began);
      socket.destroy();
    });
    socket.once("timeout", () => socket.destroy(new Error("no connection in time")));
    socket.once("error", reject);
  });
}

interface Handshake {
  readonly milliseconds: number;
  readonly protocol: string;
  readonly issuer: string;
  readonly validTo: string;
}

/** Only the time and what the certificate says of itself: whether it is trusted shows with the first request. */
async function handshake(host: string, port: number, name: string): Promise<Handshake> {
  const { connect } = await import("node:tls");
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      ca: [],
      timeout: DEADLINE_MS,
      ...(isIP(name) === 0 ? { servername: name } : {}),
    });
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      const { O, CN } = certificate.issuer ?? {};
      resolve({
        milliseconds: performance.now() - began,
        protocol: socket.getProtocol() ?? "TLS",
        issuer: String(O ?? CN ?? "nobody"),
        validTo: certificate.valid_to,
      });
      socket.destroy();
    });
    socket.once("timeout", () => socket.destroy(new Error("no TLS in time")));
    socket.once("error", reject);
  });
}
