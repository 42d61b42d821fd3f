import type { Inspection } from "../gantry.js";
import { formatBytes } from "./format.js";
import { renderTable } from "./table.js";
import { oneLine } from "./terminal.js";

/** An inspection for people. */
export async function renderInspection(inspection: Inspection): Promise<string> {
  const { descriptor } = inspection;
  const lines: (readonly [string, string])[] = [
    ["Name", inspection.name],
    ["Digest", descriptor.digest],
    ["Media type", descriptor.mediaType],
    ["Size", `${formatBytes(inspection.totalSize)} in ${inspection.blobs} blobs`],
  ];
  const blocks: string[] = [];
  if (inspection.kind === "index") {
    const rows = inspection.manifests.map(({ platform, descriptor: entry, kind }) => [
      platform ?? "-",
      entry.digest,
      formatBytes(entry.size),
      kind,
    ]);
    blocks.push(await renderTable(["PLATFORM", "DIGEST", "SIZE", "KIND"], rows, [2]));
  } else {
    const { config } = inspection;
    const run = config?.config;
    lines.push(["Platform", inspection.platform ?? "-"]);
    if (config?.created) lines.push(["Created", config.created]);
    if (run?.User) lines.push(["User", run.User]);
    if (run?.WorkingDir) lines.push(["Workdir", run.WorkingDir]);
    if (run?.Entrypoint) lines.push(["Entrypoint", JSON.stringify(run.Entrypoint)]);
    if (run?.Cmd) lines.push(["Cmd", JSON.stringify(run.Cmd)]);
    for (const variable of run?.Env ?? []) lines.push(["Env", variable]);
    for (const port of Object.keys(run?.ExposedPorts ?? {})) lines.push(["Port", port]);
    for (const volume of Object.keys(run?.Volumes ?? {})) lines.push(["Volume", volume]);
    for (const [key, value] of Object.entries(run?.Labels ?? {})) lines.push(["Label", `${key}=${value}`]);
    const rows = inspection.layers.map((layer) => [layer.digest, formatBytes(layer.size), layer.mediaType]);
    blocks.push(await renderTable(["LAYER", "SIZE", "MEDIA TYPE"], rows, [1]));
  }
  for (const [key, value] of Object.entries(inspection.annotations)) lines.push(["Annotation", `${key}=${value}`]);
  const width = Math.max(...lines.map(([key]) => key.length)) + 2;
  return [...lines.map(([key, value]) => `${`${key}:`.padEnd(width)}${oneLine(value)}`), "", ...blocks].join("\n");
}
