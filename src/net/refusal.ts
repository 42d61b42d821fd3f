import type { RegistryAnswer } from "../errors.js";
import { readAll } from "../streams/index.js";
import { escapeControls } from "./redact.js";
import type { HttpResponse } from "./transport.js";

/** The most of an error's body that is read (threats.md rows 55, 65). */
const REFUSAL_LIMIT = 1024 * 1024;
/** The most errors, and characters of a message, that are kept. */
const MOST_ERRORS = 10;
const LONGEST = 500;

/**
 * Reads what a server says with a refusal: the `errors` of distribution-spec 1.1 ("Error Codes"), or the `error` and
 * `error_description` of OAuth2. Never throws: what is none of them is no error's detail. Control characters are escaped.
 */
export async function parseRefusal(answer: HttpResponse): Promise<RegistryAnswer> {
  const requestId = requestIdOf(answer);
  const found = { status: answer.status, ...(requestId === undefined ? {} : { requestId }) };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await readAll(answer.body, REFUSAL_LIMIT)));
  } catch {
    return { ...found, errors: [] };
  }
  return { ...found, errors: errorsIn(json) };
}

/** The server's own name of a request, for those who run it. */
export function requestIdOf(answer: Pick<HttpResponse, "headers">): string | undefined {
  for (const name of [
    "x-request-id",
    "x-github-request-id",
    "x-ms-correlation-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "cf-ray",
  ]) {
    const value = answer.headers[name];
    if (value !== undefined && value !== "") return text(value);
  }
  return undefined;
}

function errorsIn(json: unknown): RegistryAnswer["errors"] {
  if (typeof json !== "object" || json === null) return [];
  const { errors, error, error_description: description, details, message }: Record<string, unknown> = { ...json };
  if (Array.isArray(errors)) return errors.slice(0, MOST_ERRORS).flatMap(errorIn);
  if (typeof error === "string")
    return [{ code: text(error), ...(typeof description === "string" ? { message: text(description) } : {}) }];
  const words = [message, details].find((word) => typeof word === "string");
  return typeof words === "string" ? [{ code: "UNKNOWN", message: text(words) }] : [];
}

function errorIn(item: unknown): { code: string; message?: string }[] {
  if (typeof item !== "object" || item === null) return [];
  const { code, message }: Record<string, unknown> = { ...item };
  if (typeof code !== "string" && typeof message !== "string") return [];
  return [
    {
      code: typeof code === "string" ? text(code) : "UNKNOWN",
      ...(typeof message === "string" ? { message: text(message) } : {}),
    },
  ];
}

function text(value: string): string {
  return escapeControls(value.slice(0, LONGEST));
}
