import { type ErrorCode, GantryError, type RegistryAnswer } from "../../errors.js";
import { type HttpResponse, requestIdOf } from "../../net/index.js";
import { parseJson } from "../../spec/index.js";

/** What was asked for when the registry refused: decides what its 404 means. */
export interface Asked {
  /** `pull ghcr.io/acme/app:1.2`: what was being done, for the message. */
  readonly where: string;
  readonly subject: "manifest" | "blob" | "upload" | "tags" | "referrers" | "catalog" | "registry";
}

/** How much of an error body is read. Registries answer a few hundred bytes; a proxy's page a few thousand. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_ERRORS = 16;
const MAX_TEXT = 300;

/** One entry of a registry's error body, with every digest that it names. */
interface RegistryComplaint {
  readonly code: string;
  readonly message?: string;
  readonly digests: readonly string[];
}

/**
 * Turns a refusal into an error: the codes of distribution-spec 1.1 ("Error Codes") first, the status after them.
 * Reads at most {@link MAX_ERROR_BYTES}; a body that is not the registry's JSON (a proxy's page) is quoted as one line,
 * and its 404 is not taken for "unknown": whoever wrote it knows nothing of images.
 */
export async function registryError(response: HttpResponse, asked: Asked): Promise<GantryError> {
  const text = await readSome(response);
  const complaints = readComplaints(text);
  const requestId = requestIdOf(response);
  const answer: RegistryAnswer = {
    status: response.status,
    errors: (complaints ?? []).map(({ code, message }) => ({ code, ...(message === undefined ? {} : { message }) })),
    ...(requestId === undefined ? {} : { requestId }),
  };
  const spoken = complaints !== undefined || isRegistryAnswer(response);
  const code = codeFor(response.status, complaints ?? [], asked, spoken || text === "");
  const digests = [...new Set((complaints ?? []).flatMap((complaint) => complaint.digests))];
  const hint = hintFor(code, response, asked);
  return new GantryError(code, messageFor(code, response, complaints, text), {
    where: `${asked.where}, ${response.status}`,
    registry: answer,
    ...(hint === undefined ? {} : { hint }),
    facts: {
      status: response.status,
      ...(digests.length === 0 ? {} : { digests: digests.join(" ") }),
    },
  });
}

/** True when an answer carries the marks of a registry; a proxy's or a web server's page does not. */
export function isRegistryAnswer(response: HttpResponse): boolean {
  return (
    response.headers["docker-distribution-api-version"] !== undefined ||
    /^application\/(?:[\w.+-]*\+)?json\b/i.test(response.headers["content-type"] ?? "")
  );
}

/** One line without control characters, cut to a readable length: what a server says may steer a terminal. */
export function oneLine(text: string, max: number = MAX_TEXT): string {
  const line = text
    .replaceAll(/\s+/g, " ")
    .trim()
    // oxlint-disable-next-line no-control-regex -- control characters are what this is for
    .replaceAll(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
}

async function readSome(response: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      length += chunk.byteLength;
      if (length >= MAX_ERROR_BYTES) break;
    }
    if (length >= MAX_ERROR_BYTES) await response.discard();
  } catch {
    // The status alone is still an answer.
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, MAX_ERROR_BYTES));
}

function readComplaints(text: string): readonly RegistryComplaint[] | undefined {
  let value: unknown;
  try {
    value = parseJson(new TextEncoder().encode(text), "the error");
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("errors" in value) || !Array.isArray(value.errors)) {
    return undefined;
  }
  const complaints: RegistryComplaint[] = [];
  for (const entry of (value.errors as unknown[]).slice(0, MAX_ERRORS)) {
    if (typeof entry !== "object" || entry === null || !("code" in entry)) continue;
    if (typeof entry.code !== "string" && typeof entry.code !== "number") continue;
    const message = "message" in entry && typeof entry.message === "string" ? oneLine(entry.message) : "";
    const digests = JSON.stringify(entry).match(/sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})(?![0-9a-f])/g);
    complaints.push({
      code: oneLine(String(entry.code), 80),
      ...(message === "" ? {} : { message }),
      digests: digests ?? [],
    });
  }
  return complaints;
}

/** The codes that say more than their status. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  UNAUTHORIZED: "UNAUTHORIZED",
  DENIED: "DENIED",
  MANIFEST_UNKNOWN: "MANIFEST_UNKNOWN",
  MANIFEST_BLOB_UNKNOWN: "BLOB_UNKNOWN",
  BLOB_UNKNOWN: "BLOB_UNKNOWN",
  NAME_UNKNOWN: "NAME_UNKNOWN",
  TOOMANYREQUESTS: "RATE_LIMITED",
};

function codeFor(status: number, complaints: readonly RegistryComplaint[], asked: Asked, spoken: boolean): ErrorCode {
  // A 5xx is the server's trouble whatever its body says; a proxy may wrap any code in it.
  if (status >= 500) return "REGISTRY_UNAVAILABLE";
  if (status === 429) return "RATE_LIMITED";
  for (const { code } of complaints) {
    const known = CODES[code.toUpperCase()];
    if (known !== undefined) return known;
  }
  switch (status) {
    case 401:
      return "UNAUTHORIZED";
    case 403:
      return "DENIED";
    case 404:
      if (!spoken) return "NOT_FOUND";
      if (asked.subject === "manifest") return "MANIFEST_UNKNOWN";
      if (asked.subject === "blob") return "BLOB_UNKNOWN";
      if (asked.subject === "tags" || asked.subject === "upload") return "NAME_UNKNOWN";
      return "NOT_FOUND";
    case 408:
      return "REGISTRY_UNAVAILABLE";
    case 409:
    case 412:
      return "CONFLICT";
    default:
      return "REGISTRY_REFUSED";
  }
}

/** What a code says where the registry said nothing. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  UNAUTHORIZED: "not authorised",
  DENIED: "access denied",
  MANIFEST_UNKNOWN: "manifest unknown",
  BLOB_UNKNOWN: "blob unknown",
  NAME_UNKNOWN: "repository unknown",
  RATE_LIMITED: "too many requests",
};

function messageFor(
  code: ErrorCode,
  response: HttpResponse,
  complaints: readonly RegistryComplaint[] | undefined,
  text: string,
): string {
  const first = complaints?.[0];
  if (first !== undefined) {
    const message = first.message ?? first.code.toLowerCase().replaceAll("_", " ");
    return /^[A-Z][a-z]/.test(message) ? message.charAt(0).toLowerCase() + message.slice(1) : message;
  }
  const quoted = quotePage(text);
  return WORDS[code] ?? `the registry answered ${response.status}${quoted === "" ? "" : `: ${quoted}`}`;
}

/** The words of a page, without its markup. */
function quotePage(text: string): string {
  const words = text
    .replaceAll(/<(?:script|style)\b[^>]*>[^<]*<\/(?:script|style)>/gi, " ")
    .replaceAll(/<[^>]*>/g, " ");
  return oneLine(words, 160);
}

function hintFor(code: ErrorCode, response: HttpResponse, asked: Asked): string | undefined {
  if (code === "UNAUTHORIZED") return `Log in with \`gantry login ${response.url.host}\`.`;
  if (code === "DENIED") return "Check that the account may do this in this repository.";
  if (code === "NOT_FOUND") {
    return "The answer is not a registry's: a proxy or a web server may stand at this address.";
  }
  if (code === "NAME_UNKNOWN" && asked.subject === "upload") {
    return "Some registries want a repository to be created before a push.";
  }
  if (code === "REGISTRY_REFUSED" && response.status === 413) {
    return "The registry, or a proxy before it, limits the size of one request.";
  }
  return undefined;
}
