import { MANIFEST_ACCEPT, parseDocument } from "../../spec/index.js";
import { readAll } from "../../streams/index.js";
import type { DoctorClient } from "./client.js";
import type { Findings } from "./finding.js";

const NO_SUBJECT = `sha256:${"0".repeat(64)}`;
const MEGABYTE = 1024 * 1024;

/** What can be learned of a repository by reading. */
export async function checkReading(client: DoctorClient, repository: string, findings: Findings): Promise<void> {
  const scopes = [`repository:${repository}:pull`];
  const path = `/v2/${repository}`;
  const tag = await firstTag(client, path, scopes, findings);
  await checkReferrers(client, path, scopes, findings);
  if (tag === undefined) {
    for (const check of ["manifest HEAD", "range GET"]) findings.unknown(check, "the repository has nothing to read");
    return;
  }
  try {
    const headers = { accept: MANIFEST_ACCEPT.join(", ") };
    const head = await client.ask("HEAD", `${path}/manifests/${tag}`, { headers, scopes });
    const digest = head.headers["docker-content-digest"];
    if (head.status === 200 && digest !== undefined) findings.ok("manifest HEAD", "200, with its digest");
    else
      findings.no(
        "manifest HEAD",
        `${head.status}${digest === undefined ? ", without a digest" : ""}`,
        "Every look at a tag costs a pull here.",
      );
    const answer = await client.send("GET", `${path}/manifests/${tag}`, { headers, scopes });
    const blob = blobOf(answer.headers["content-type"] ?? "", await readAll(answer.body, 4 * MEGABYTE, "the manifest"));
    if (blob === undefined) findings.unknown("range GET", "the first tag is an index");
    else await checkRange(client, `${path}/blobs/${blob}`, scopes, findings);
  } catch (error) {
    findings.failed("manifest HEAD", error);
  }
}

/** Whether a part of a blob can be had, which is what goes on with a download that broke. */
export async function checkRange(
  client: DoctorClient,
  to: string,
  scopes: readonly string[],
  findings: Findings,
): Promise<void> {
  const answer = await client.ask("GET", to, { headers: { range: "bytes=1-1" }, scopes });
  if (answer.status === 206) findings.ok("range GET", "206: broken downloads go on where they stopped");
  else findings.no("range GET", `${answer.status}`, "A broken download starts again from its beginning.");
}

async function firstTag(
  client: DoctorClient,
  path: string,
  scopes: readonly string[],
  findings: Findings,
): Promise<string | undefined> {
  const answer = await client.send("GET", `${path}/tags/list?n=1`, { scopes });
  const bytes = await readAll(answer.body, 64 * MEGABYTE, "the list of tags");
  if (answer.status === 404) {
    findings.unknown("tag list", "404: the repository does not exist yet");
    return undefined;
  }
  if (answer.status !== 200) {
    findings.no("tag list", `${answer.status}`);
    return undefined;
  }
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const tags: unknown = typeof value === "object" && value !== null && "tags" in value ? value.tags : undefined;
  const names = Array.isArray(tags)
    ? tags.filter((tag): tag is string => typeof tag === "string" && /^[\w.-]{1,128}$/.test(tag))
    : [];
  const paged = answer.headers["link"] !== undefined ? ", in pages" : "";
  findings.ok("tag list", names.length === 0 ? "200: no tags" : `200${paged}`);
  return names[0];
}

async function checkReferrers(
  client: DoctorClient,
  path: string,
  scopes: readonly string[],
  findings: Findings,
): Promise<void> {
  try {
    const answer = await client.ask("GET", `${path}/referrers/${NO_SUBJECT}`, { scopes });
    const isIndex = answer.headers["content-type"]?.startsWith("application/vnd.oci.image.index.v1+json") === true;
    if (answer.status === 200 && isIndex) findings.ok("referrers API", "200");
    else findings.no("referrers API", `${answer.status}`, "Signatures and SBOMs are kept under fallback tags instead.");
  } catch (error) {
    findings.failed("referrers API", error);
  }
}

function blobOf(mediaType: string, bytes: Uint8Array): string | undefined {
  const document = parseDocument(bytes, mediaType);
  return document.kind === "manifest" ? (document.value.layers[0] ?? document.value.config).digest : undefined;
}
