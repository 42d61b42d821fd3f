import { isRepository } from "../spec/index.js";
import { Refusal } from "./refusal.js";

/** What a path asks for (distribution-spec 1.1, "Endpoints"; Docker's catalog). */
export type Route =
  | { readonly kind: "ping" }
  | { readonly kind: "catalog" }
  | { readonly kind: "token" }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string };

/** The methods of each route, for 405 and its `Allow`. */
export const METHODS: Readonly<Record<Route["kind"], readonly string[]>> = {
  ping: ["GET", "HEAD"],
  catalog: ["GET", "HEAD"],
  token: ["GET", "POST"],
  blob: ["GET", "HEAD", "DELETE"],
  uploads: ["POST"],
  upload: ["GET", "HEAD", "PATCH", "PUT", "DELETE"],
  manifest: ["GET", "HEAD", "PUT", "DELETE"],
  tags: ["GET", "HEAD"],
  referrers: ["GET", "HEAD"],
};

/**
 * Reads a path from its end, since a repository name has any number of parts and may contain words like `blobs`. The
 * name is checked here, before anything makes a file's path of it.
 *
 * @throws Refusal 404 for paths that are none of ours, 400 NAME_INVALID
 */
export function parseRoute(path: string): Route {
  if (path === "/v2" || path === "/v2/") return { kind: "ping" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  if (path === "/token") return { kind: "token" };
  const parts = path.split("/").map(decode);
  if (parts[0] !== "" || parts[1] !== "v2" || parts.length < 5) throw notFound();
  const last = parts.at(-1)!;
  const [third, second] = [parts.at(-3)!, parts.at(-2)!];
  const name = (end: number): string => repositoryFrom(parts.slice(2, end));
  if (third === "blobs" && second === "uploads") {
    return last === "" ? { kind: "uploads", repository: name(-3) } : { kind: "upload", repository: name(-3), id: last };
  }
  if (second === "blobs" && last === "uploads") return { kind: "uploads", repository: name(-2) };
  if (second === "blobs") return { kind: "blob", repository: name(-2), digest: last };
  if (second === "manifests") return { kind: "manifest", repository: name(-2), reference: last };
  if (second === "tags" && last === "list") return { kind: "tags", repository: name(-2) };
  if (second === "referrers") return { kind: "referrers", repository: name(-2), digest: last };
  throw notFound();
}

/** @throws Refusal 400 NAME_INVALID */
export function repositoryFrom(parts: readonly string[]): string {
  const name = parts.join("/");
  if (isRepository(name)) return name;
  throw new Refusal(400, "NAME_INVALID", `${JSON.stringify(name.slice(0, 260))} is not a repository name`);
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw notFound();
  }
}

function notFound(): Refusal {
  return new Refusal(404, "UNSUPPORTED", "there is nothing at this path");
}
