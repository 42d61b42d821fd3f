import { GantryError } from "../errors.js";
import { type Digest, parseDigest } from "./digest.js";

/** A name in a registry, with Docker's defaults filled in: `alpine` is `docker.io/library/alpine:latest`. */
export interface Reference {
  /** Host with port where given, lower case: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly host: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** A place in a registry: what repositories are known by. */
export interface RepositoryName {
  readonly host: string;
  readonly repository: string;
}

// distribution/reference, grammar in its package comment. Each pattern is linear: no nested repetition over the same class.
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const HOST =
  /^(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const MAX_NAME = 255;
const MAX_REFERENCE = 4096;
/** 253 of a name (RFC 1035) or fewer of an address, and a port. */
const MAX_HOST = 260;

/** True for a tag (distribution-spec 1.1, "Pulling manifests"). */
export const isTag = (text: string): boolean => TAG.test(text);

/** True for a repository name without its host. */
export function isRepository(text: string): boolean {
  return text.length <= MAX_NAME && text.split("/").every((part) => part.length > 0 && PATH_COMPONENT.test(part));
}

/**
 * Reads a name as Docker does: a first part with a dot, a colon, or `localhost` is a host, all else
 * belongs to Docker Hub; a bare Hub name gets `library/`. No tag is filled in here: `nameOf` and callers decide.
 *
 * @throws GantryError REFERENCE_INVALID
 */
export function parseReference(text: string): Reference {
  if (hasCredentials(text)) throw credentialsInName();
  if (text.length > MAX_REFERENCE) throw invalid(text.slice(0, 80) + "…", "it is too long");
  if (/^[a-f0-9]{64}$/.test(text)) throw invalid(text, "64 hex digits are an image id, not a name");
  const at = text.indexOf("@");
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1), text);
  const named = at === -1 ? text : text.slice(0, at);
  const { host, path } = splitHost(named);
  const colon = path.lastIndexOf(":");
  const tag = colon === -1 ? undefined : path.slice(colon + 1);
  const name = colon === -1 ? path : path.slice(0, colon);
  if (name === "") throw invalid(text, "the repository is missing");
  if (tag !== undefined && !isTag(tag)) throw invalid(text, `${JSON.stringify(tag)} is not a tag`);
  if (/[A-Z]/.test(name)) throw invalid(text, "a repository is lower case");
  if (!isRepository(name)) {
    throw invalid(
      text,
      name.length > MAX_NAME
        ? `a repository has at most ${MAX_NAME} characters`
        : `${JSON.stringify(name)} is not a repository name`,
    );
  }
  const repository = host === "docker.io" && !name.includes("/") ? `library/${name}` : name;
  return { host, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The reference with `latest` where neither tag nor digest is given. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: "latest" } : reference;
}

/** `host/repository[:tag][@digest]`, nothing left out. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${reference.host}/${reference.repository}${tag}${digest}`;
}

/** Splits the host off, with Docker's rule for what is one. */
function splitHost(named: string): { host: string; path: string } {
  const slash = named.indexOf("/");
  const first = slash === -1 ? "" : named.slice(0, slash);
  const isHost = slash !== -1 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  if (!isHost) return { host: "docker.io", path: named };
  const host = parseHost(first);
  // Docker takes `Acme/app` for the host "Acme"; in lower case, as hosts are compared, it would be a name on Docker Hub.
  if (!/[.:]/.test(host) && host !== "localhost")
    throw invalid(named, `${JSON.stringify(first)} is neither a host, which has a dot or a port, nor lower case`);
  return {
    host: host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host,
    path: named.slice(slash + 1),
  };
}

/**
 * Reads a registry's host, with port where given.
 *
 * @throws GantryError REFERENCE_INVALID
 */
export function parseHost(text: string): string {
  const port = /:(\d{1,5})$/.exec(text)?.[1];
  const portIsOne = port === undefined || (Number(port) > 0 && Number(port) <= 65535);
  if (text.length > MAX_HOST || !HOST.test(text) || !portIsOne || (text.startsWith("[") && !isIpv6(text))) {
    if (hasCredentials(`${text}/`)) throw credentialsInName();
    throw new GantryError("REFERENCE_INVALID", `invalid registry host ${JSON.stringify(text.slice(0, 160))}`, {
      hint: "A host is a name or an address with an optional port, such as ghcr.io or localhost:5000.",
    });
  }
  return text.toLowerCase();
}

/** The pattern finds the form; that the groups make an address only a parser knows. */
function isIpv6(host: string): boolean {
  return URL.canParse(`http://${host}`);
}

/** `user:secret@host/…`, with or without a scheme; the `@` of a digest has no slash behind it. */
function hasCredentials(text: string): boolean {
  const at = text.indexOf("@");
  return at !== -1 && text.indexOf("/", at) !== -1;
}

/** Says nothing of the text: it holds a secret. */
function credentialsInName(): GantryError {
  return new GantryError("REFERENCE_INVALID", "invalid reference: a user or password stands before an @", {
    hint: "Credentials do not belong in a name; use --creds or gantry login.",
  });
}

function invalid(text: string, why: string): GantryError {
  return new GantryError("REFERENCE_INVALID", `invalid reference ${JSON.stringify(text)}: ${why}`, {
    hint: "A reference is [HOST/]REPOSITORY[:TAG][@DIGEST].",
  });
}
