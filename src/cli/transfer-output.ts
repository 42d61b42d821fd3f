import { GantryError } from "../errors.js";
import type { AttachedChoice, DestinationReport, MoveOptions, Plan, Report, Step, Totals } from "../gantry.js";
import type { Context } from "./context.js";
import { reportedDestinations } from "./error-report.js";
import { formatBytes, formatSeconds, plural } from "./format.js";
import { reportToActions } from "./github-actions.js";
import { renderTable } from "./table.js";

/** What a write prints, under `--json` or not. */
export interface Outcome {
  readonly report: Report;
  readonly requests: number;
  readonly dryRun: boolean;
}

/** What the options of a command that moves images say. @throws GantryError USAGE */
export function moveOptions({ given, signal }: Context): Omit<MoveOptions, "onEvent"> {
  const sparse = given.flag("sparse");
  const rollback = given.flag("rollback");
  return {
    platforms: given.list("platform"),
    signal,
    attached: attachedChoice(given.list("attached")),
    ...(sparse === undefined ? {} : { sparse }),
    ...(rollback === undefined ? {} : { rollback }),
  };
}

function attachedChoice(wanted: readonly string[]): AttachedChoice {
  if (wanted.length === 0) return "auto";
  const [first = ""] = wanted;
  if (wanted.length === 1 && (first === "all" || first === "none" || first === "auto")) return first;
  const wrong = wanted.find((type) => !GROUPS.includes(type) && !/^[\w.+-]+\/[\w.+-]+$/.test(type));
  if (wrong === undefined) return wanted;
  throw new GantryError("USAGE", `--attached: ${JSON.stringify(wrong)} is no type of attachment`, {
    hint: `Write none, all, ${GROUPS.join(", ")}, or an artifact type such as application/spdx+json.`,
  });
}

const GROUPS: readonly string[] = ["signatures", "attestations", "sboms"];

/**
 * Applies a plan, or shows it under `--dry-run`, with progress on stderr and the result on stdout.
 */
export async function carryOut(context: Context, plan: Plan): Promise<void> {
  const gantry = await context.gantry();
  const dryRun = context.given.flag("dry-run") ?? false;
  if (dryRun) {
    await printOutcome(context, { report: plan.report(), requests: gantry.requests, dryRun });
    return;
  }
  const progress = await context.progress();
  const report = await plan
    .apply({ signal: context.signal, onEvent: (event) => progress.event(event) })
    .catch((error: unknown) => {
      progress.close();
      for (const destination of reportedDestinations(error)) context.note(destinationLine(destination));
      throw error;
    });
  progress.close();
  await printOutcome(context, { report, requests: gantry.requests, dryRun });
}

/** How each destination of a transfer that failed fared; the error itself is said by whoever ends the command. */
function destinationLine({ name, status, changed, error, note }: DestinationReport): string {
  const what =
    status === "failed"
      ? `failed: ${error?.message ?? "unknown"}`
      : status === "done"
        ? `was ${changed ? "moved" : "there already"}`
        : "was not moved";
  return `${name}: ${note === undefined ? what : `${what}; ${note}`}`;
}

/** Prints what was, or would be, done. */
export async function printOutcome(context: Context, { report, requests, dryRun }: Outcome): Promise<void> {
  const outcome = toJson(context, report, requests);
  if (dryRun) context.print(outcome, await renderSteps(report.steps, report.totals));
  else
    context.print(
      outcome,
      report.destinations.map(({ name, digest }) => (name.endsWith(digest) ? name : `${name}@${digest}`)).join("\n"),
    );
  if (!dryRun) context.note(summaryLine(context, report, requests));
  if (context.verbose && !dryRun)
    for (const step of report.steps)
      context.note(`${step.action} ${step.descriptor.digest} ${step.destination}: ${step.reason}`);
  if (!dryRun)
    await reportToActions(
      context.terminal,
      { digest: report.digest, metadata: JSON.stringify(outcome) },
      summaryMarkdown(context, report, requests),
    );
}

/** The object that scripts read (docs/commands.md, "JSON of a write"). */
export function toJson(context: Context, report: Report, requests: number): Record<string, unknown> {
  return {
    digest: report.digest,
    mediaType: report.mediaType,
    size: report.size,
    destinations: report.destinations,
    totals: report.totals,
    steps: report.steps.map(({ action, destination, descriptor, bytes, reason, attachedTo }) => ({
      action,
      destination,
      digest: descriptor.digest,
      mediaType: descriptor.mediaType,
      size: descriptor.size,
      bytes,
      reason,
      ...(attachedTo === undefined ? {} : { attachedTo }),
    })),
    requests,
    seconds: Math.round(context.seconds * 1000) / 1000,
  };
}

async function renderSteps(steps: readonly Step[], totals: Totals): Promise<string> {
  const rows = steps.map((step) => [
    step.action,
    step.descriptor.digest.slice(0, 19),
    formatBytes(step.descriptor.size),
    step.bytes === 0 ? "-" : formatBytes(step.bytes),
    step.destination,
    step.reason,
  ]);
  const table = await renderTable(["ACTION", "DIGEST", "SIZE", "TO SEND", "DESTINATION", "BECAUSE"], rows, [2, 3]);
  return `${table}\n\n${totalsLine(totals, ["to upload", "to mount"])}`;
}

function summaryLine(context: Context, report: Report, requests: number): string {
  const changed = report.destinations.some((destination) => destination.changed);
  const time = `${formatSeconds(context.seconds)}, ${plural(requests, "request")}`;
  return changed
    ? `Done in ${time}: ${totalsLine(report.totals)}`
    : `Nothing to do (${time}): every name points there already.`;
}

/** What there is nothing of is left out. */
function totalsLine({ uploaded, mounted, present }: Totals, [upload, mount] = ["uploaded", "mounted"]): string {
  const parts = [
    [uploaded, upload],
    [mounted, mount],
    [present, "present"],
  ] as const;
  const said = parts.filter(([{ count }]) => count > 0);
  return said.map(([{ count, bytes }, what]) => `${count} ${what} (${formatBytes(bytes)})`).join(", ") || "nothing";
}

function summaryMarkdown(context: Context, report: Report, requests: number): string {
  const names = report.destinations.map(({ name, changed }) => `| \`${name}\` | ${changed ? "moved" : "unchanged"} |`);
  return [
    `### gantry: \`${report.digest}\``,
    "",
    "| name | |",
    "| --- | --- |",
    ...names,
    "",
    `${totalsLine(report.totals)}; ${plural(requests, "request")}, ${formatSeconds(context.seconds)}.`,
  ].join("\n");
}
