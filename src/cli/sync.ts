import { GantryError } from "../errors.js";
import type { SyncedImage, SyncFailure, SyncReport } from "../gantry.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { errorLine } from "./error-report.js";
import { exitCodeOf } from "./exit-code.js";
import { formatBytes, formatSeconds, plural } from "./format.js";
import { DRY_RUN, NETWORK, PLATFORM, SIDED } from "./options.js";
import { renderTable } from "./table.js";

export const sync: Command = {
  name: "sync",
  summary: "Keep many repositories and tags equal elsewhere",
  description:
    "Brings to DEST what is missing or changed there: of a repository SOURCE, or of all that a sync FILE names (gantry's, or skopeo's as it is). The last part of a source's name is put below DEST, as `skopeo sync` does: --scoped puts its whole name there, --exact takes DEST for the repository itself. What is equal costs one request an image. Goes on when an image fails, and ends with 5.",
  args: [
    {
      name: "source",
      help: "a sync file, or a repository (HOST/REPOSITORY, oci:PATH, local:NAME)",
      completes: "image",
    },
    { name: "dest", help: "where to: HOST/PATH, oci:PATH or local:", optional: true, completes: "image" },
  ],
  options: [
    { name: "scoped", kind: "boolean", help: "put the source's whole name, with its host, below DEST" },
    { name: "exact", kind: "boolean", help: "DEST is the repository itself" },
    { name: "append-suffix", kind: "text", value: "TEXT", help: "put behind every tag at the destination" },
    { name: "tag", kind: "list", value: "TAG,…", help: "only these tags or digests" },
    { name: "allow", kind: "texts", value: "REGEX", help: "only tags that match" },
    { name: "deny", kind: "texts", value: "REGEX", help: "no tags that match" },
    { name: "glob", kind: "texts", value: "GLOB", help: "only tags that match, such as 1.* or *-alpine" },
    { name: "semver", kind: "text", value: "RANGE", help: 'only versions in the range, such as ">=1.2 <2"' },
    { name: "newest", kind: "number", value: "N", help: "of these only the N highest versions" },
    {
      name: "immutable",
      kind: "texts",
      value: "REGEX",
      help: "tags that never move: once there, never asked for again",
    },
    { name: "delete", kind: "boolean", help: "remove tags at the destination that left the source" },
    { name: "delete-all", kind: "boolean", help: "also where the source has no tag left at all" },
    { name: "verify", kind: "boolean", help: "ask every destination, whatever is remembered of it" },
    { name: "verify-after", kind: "duration", value: "TIME", help: "ask a destination again after so long (24h)" },
    { name: "keep-going", kind: "boolean", help: "go on when an image fails (the default); false ends at the first" },
    PLATFORM,
    {
      name: "attached",
      kind: "list",
      value: "auto|none|all|TYPE,…",
      help: "which signatures, attestations, SBOMs and other referrers come along",
    },
    DRY_RUN,
    ...NETWORK,
    ...SIDED,
  ],
  examples: [
    "gantry sync docker.io/library/alpine localhost:5000/mirror --semver '>=3.19' --immutable '^3\\.\\d+\\.\\d+$'",
    "gantry sync sync.yaml localhost:5000/mirror --dry-run",
    "gantry sync localhost:5000/team/app oci:./backup --delete",
  ],
  run: runSync,
};

async function runSync(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const progress = await context.progress();
  const destination = given.optionalArgument("dest");
  const [scoped, exact] = [given.flag("scoped") ?? false, given.flag("exact") ?? false];
  if (scoped && exact)
    throw new GantryError("USAGE", "--scoped and --exact exclude each other", { hint: "Give one of them." });
  const dryRun = given.flag("dry-run") ?? false;
  const attached = given.list("attached");
  const only = attached.length === 1 ? attached[0] : undefined;
  const verifyAfter = given.number("verify-after");
  const report = await gantry.sync(given.argument("source"), {
    ...(destination === undefined ? {} : { destination }),
    mode: scoped ? "scoped" : exact ? "exact" : "last",
    ...optional("suffix", given.text("append-suffix")),
    names: given.list("tag"),
    allow: given.list("allow"),
    deny: given.list("deny"),
    glob: given.list("glob"),
    ...optional("semver", given.text("semver")),
    ...optional("newest", given.number("newest")),
    immutable: given.list("immutable"),
    delete: given.flag("delete") ?? false,
    deleteAll: given.flag("delete-all") ?? false,
    verify: given.flag("verify") ?? false,
    ...(verifyAfter === undefined ? {} : { verifyAfter: verifyAfter / 1000 }),
    failFast: given.flag("keep-going") === false,
    platforms: given.list("platform"),
    ...(attached.length === 0
      ? {}
      : { attached: only === "all" || only === "none" || only === "auto" ? only : attached }),
    ...optional("concurrency", given.number("concurrency")),
    dryRun,
    signal,
    onTransfer: (event) => progress.event(event),
    onEvent(event) {
      if (context.quiet || dryRun) return;
      if (
        event.type === "image" &&
        (event.image.action !== "skip" || event.image.error !== undefined || context.verbose)
      )
        progress.note(lineOf(event.image));
      if (event.type === "failed") progress.note(failureLine(event.failure));
    },
  });
  progress.close();
  await printReport(context, report, { dryRun, requests: gantry.requests });
}

async function printReport(
  context: Context,
  report: SyncReport,
  { dryRun, requests }: { readonly dryRun: boolean; readonly requests: number },
): Promise<void> {
  const { failures, totals } = report;
  const seconds = Math.round(context.seconds * 1000) / 1000;
  const error =
    failures.length === 0
      ? undefined
      : new GantryError(
          "BATCH_FAILED",
          `${failures.length} of ${plural(Math.max(totals.images, failures.length), "image")} failed`,
          {
            hint: "Run the same sync again: what is done is remembered.",
          },
        );
  if (context.json) {
    context.print({ ...report, dryRun, requests, seconds, ...(error === undefined ? {} : { error }) }, "");
    if (error !== undefined) context.exitCode = exitCodeOf(error.code);
    return;
  }
  if (dryRun) context.print(undefined, await planTable(report));
  else
    context.print(
      undefined,
      report.images
        .flatMap((image) => (image.action === "copy" && image.status === "done" ? [named(image)] : []))
        .join("\n"),
    );
  const time = `${formatSeconds(context.seconds)}, ${plural(requests, "request")}`;
  const would = dryRun ? "to copy" : "copied";
  const parts = [
    totals.copied > 0 ? `${totals.copied} ${would} (${formatBytes(totals.uploaded.bytes)})` : "",
    totals.deleted > 0 ? `${totals.deleted} ${dryRun ? "to delete" : "deleted"}` : "",
    totals.skipped > 0 ? `${totals.skipped} equal already` : "",
    totals.failed > 0 ? `${totals.failed} failed` : "",
  ].filter((part) => part !== "");
  context.note(`${plural(totals.images, "image")} in ${time}: ${parts.join(", ") || "nothing is meant"}.`);
  if (error !== undefined && dryRun) for (const failure of failures) context.note(failureLine(failure));
  if (error !== undefined) throw error;
}

async function planTable({ images }: SyncReport): Promise<string> {
  const rows = images.map((image) => [
    image.error === undefined ? image.action : "fail",
    image.source,
    image.destination,
    image.digest?.slice(0, 19) ?? "-",
    image.totals === undefined ? "-" : formatBytes(image.totals.uploaded.bytes),
    image.reason,
  ]);
  return renderTable(["ACTION", "SOURCE", "DESTINATION", "DIGEST", "TO SEND", "BECAUSE"], rows, [4]);
}

function lineOf(image: SyncedImage): string {
  if (image.error !== undefined)
    return failureLine({ source: image.source, destination: image.destination, error: image.error });
  if (image.action === "delete") return `deleted ${image.destination}`;
  if (image.action === "skip") return `skipped ${image.destination}: ${image.reason}`;
  return `copied ${image.source} to ${image.destination} (${formatBytes(image.totals?.uploaded.bytes ?? 0)})`;
}

function failureLine({ source, error }: SyncFailure): string {
  const line = errorLine(error);
  return `failed ${line.includes(source) ? "" : `${source}: `}${line}`;
}

const named = ({ destination, digest }: SyncedImage): string =>
  digest === undefined || destination.endsWith(digest) ? destination : `${destination}@${digest}`;

/** Leaves out what was not given. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [key in K]?: V });
}
