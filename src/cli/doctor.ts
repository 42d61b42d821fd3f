import type { Diagnosis } from "../gantry.js";
import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { errorLine } from "./error-report.js";
import { EXIT, exitCodeOf } from "./exit-code.js";
import { formatSeconds } from "./format.js";
import { NETWORK } from "./options.js";
import { renderTable } from "./table.js";

export const doctor: Command = {
  name: "doctor",
  summary: "Examine a registry: access, credentials, what it supports",
  description:
    "Looks at the way to a registry (proxy, name, TLS, times), at which credential matched and where it is kept, and at what the registry supports. Of a HOST it only reads. Of HOST/REPOSITORY it also writes a tiny artifact under a tag gantry-doctor-…, and removes it again; --read-only leaves that out. Ends with 4 when the registry refuses the credentials, with 1 when it cannot be used.",
  args: [{ name: "registry", help: "HOST, or HOST/REPOSITORY", completes: "host" }],
  options: [{ name: "read-only", kind: "boolean", help: "write nothing" }, ...NETWORK],
  examples: ["gantry doctor localhost:5000", "gantry doctor localhost:5000/demo/hello"],
  run: runDoctor,
};

async function runDoctor(context: Context): Promise<void> {
  const { given, signal } = context;
  const gantry = await context.gantry();
  const diagnosis = await gantry.doctor(given.argument("registry"), {
    readOnly: given.flag("read-only") ?? false,
    signal,
  });
  const { verdict, error } = diagnosis;
  context.print(diagnosis, context.json ? "" : await renderDiagnosis(diagnosis));
  for (const left of diagnosis.remaining) context.note(`Could not be removed again: ${diagnosis.host}/${left}.`);
  if (verdict === "usable") return;
  context.exitCode =
    verdict === "refused"
      ? EXIT.auth
      : error !== undefined && exitCodeOf(error.code) === EXIT.auth
        ? EXIT.auth
        : EXIT.failed;
  if (error !== undefined && !context.json) context.terminal.err(`gantry: ${errorLine(error)}\n`);
}

async function renderDiagnosis({ findings, timings, origin, requests }: Diagnosis): Promise<string> {
  const rows = findings.map(({ check, result, detail, hint = "" }) => [check, result, detail, hint]);
  const times = Object.entries(timings).map(
    ([what, milliseconds]: [string, number]) => `${LABELS[what] ?? what} ${formatSeconds(milliseconds / 1000)}`,
  );
  const lines = [await renderTable(["CHECK", "", "FOUND", "HINT"], rows)];
  lines.push(
    "",
    `${origin ?? "no connection"}${times.length === 0 ? "" : `: ${times.join(", ")}`}; ${requests} requests`,
  );
  return lines.join("\n");
}

const LABELS: Readonly<Record<string, string>> = {
  dns: "name",
  tcp: "connection",
  tls: "TLS",
  firstByte: "first answer",
  token: "token",
};
