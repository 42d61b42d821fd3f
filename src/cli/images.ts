import type { Command } from "./command.js";
import type { Context } from "./context.js";
import { formatBytes } from "./format.js";
import { renderTable } from "./table.js";

export const images: Command = {
  name: "images",
  summary: "List the images in gantry's own store",
  args: [],
  options: [],
  examples: ["gantry images"],
  run: runImages,
};

async function runImages(context: Context): Promise<void> {
  const gantry = await context.gantry();
  const found: { name: string; digest: string; mediaType: string; platforms: readonly string[]; size: number }[] = [];
  for await (const { name, descriptor, platforms, size } of gantry.images({ signal: context.signal })) {
    found.push({ name, digest: descriptor.digest, mediaType: descriptor.mediaType, platforms, size });
  }
  const rows = found.map(({ name, digest, platforms, size }) => [
    name,
    digest.slice(0, 19),
    platforms.join(","),
    formatBytes(size),
  ]);
  context.print({ images: found }, await renderTable(["NAME", "DIGEST", "PLATFORMS", "SIZE"], rows, [3]));
}
