import { GantryError } from "../errors.js";
import { parseHost, parseReference } from "../spec/index.js";
import { checkAccess } from "./doctor/access.js";
import { DoctorClient } from "./doctor/client.js";
import { checkConnection } from "./doctor/connection.js";
import { type Finding, Findings, type Timings } from "./doctor/finding.js";
import { checkReading } from "./doctor/reading.js";
import { checkWriting } from "./doctor/writing.js";
import { hostOptions } from "./hosts.js";
import { type GantryOptions, type Places, sideOf } from "./options.js";

/** Options of `doctor`. */
export interface DoctorRequest {
  /** Write nothing, also where a repository is named. */
  readonly readOnly?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What was found out about a registry. */
export interface Diagnosis {
  readonly host: string;
  /** Where it answers. */
  readonly origin?: string;
  readonly repository?: string;
  /** "usable"; "refused": it wants (other) credentials; "broken": there is no registry to be used. */
  readonly verdict: "usable" | "refused" | "broken";
  readonly findings: readonly Finding[];
  readonly timings: Timings;
  /** Seconds that the registry's clock is ahead of this machine's. */
  readonly clockSkew?: number;
  /** What the checks wrote and could not remove again. */
  readonly remaining: readonly string[];
  readonly requests: number;
  /** Why it is not usable. */
  readonly error?: GantryError;
}

/**
 * Examines a registry: the way to it, what proves who asks, what it supports. With a repository, and unless `readOnly`,
 * it writes a tiny artifact there under a tag of its own, and removes it again.
 *
 * @param name `HOST` or `HOST/REPOSITORY`
 * @throws GantryError REFERENCE_INVALID; what is wrong with the registry is in the answer
 */
export async function diagnose(
  name: string,
  { readOnly = false, signal }: DoctorRequest,
  options: GantryOptions,
  places: Places,
): Promise<Diagnosis> {
  const { host, repository } = placeOf(name);
  const findings = new Findings();
  const about = { host, ...(repository === undefined ? {} : { repository }) };
  let client: DoctorClient | undefined;
  let timings: Timings = {};
  let remaining: readonly string[] = [];
  let skew: { clockSkew?: number } = {};
  const answer = (verdict: Diagnosis["verdict"], error?: GantryError): Diagnosis => ({
    ...about,
    ...(client === undefined ? {} : { origin: client.origin.origin }),
    verdict,
    findings: findings.all,
    timings: rounded({ ...timings, ...(client?.tokenTime === undefined ? {} : { token: client.tokenTime }) }),
    ...skew,
    remaining,
    requests: client?.requests ?? 0,
    ...(error === undefined ? {} : { error }),
  });
  try {
    client = await DoctorClient.open(hostOptions(host, sideOf(options, "destination"), options, places), signal);
    timings = await checkConnection(client, findings);
    const access = await checkAccess(client, repository, findings);
    timings = { ...timings, firstByte: access.firstByte };
    skew = access.clockSkew === undefined ? {} : { clockSkew: access.clockSkew };
    if (access.refused !== undefined) return answer("refused", access.refused);
    if (repository !== undefined) {
      await checkReading(client, repository, findings);
      if (readOnly) findings.unknown("writing", "not tried (--read-only)");
      else ({ remaining } = await checkWriting(client, repository, findings));
    }
    return answer("usable");
  } catch (error) {
    signal?.throwIfAborted();
    const reason = asGantryError(error, host);
    findings.no(
      findings.all.length === 0 || client === undefined ? "connection" : "request",
      reason.message,
      reason.hint,
    );
    return answer("broken", reason);
  } finally {
    await client?.[Symbol.asyncDispose]();
  }
}

function placeOf(name: string): { host: string; repository?: string } {
  const plain = name.replace(/^(?:docker|https?):\/\//, "").replace(/\/+(?:v2\/?)?$/, "");
  if (!plain.includes("/")) return { host: parseHost(plain) };
  const { host, repository } = parseReference(plain);
  return { host, repository };
}

function asGantryError(error: unknown, host: string): GantryError {
  if (GantryError.is(error)) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN")
    return new GantryError("CONNECTION_FAILED", `the name ${host} cannot be resolved`, {
      hint: "Check its spelling and DNS.",
      cause: error,
    });
  return new GantryError("CONNECTION_FAILED", error instanceof Error ? error.message : String(error), {
    where: host,
    cause: error,
  });
}

function rounded(timings: Timings): Timings {
  return Object.fromEntries(
    Object.entries(timings).map(([key, value]: [string, number]) => [key, Math.round(value * 10) / 10]),
  );
}
