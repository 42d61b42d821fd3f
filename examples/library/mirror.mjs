// @ts-check
// Mirrors the tags of a repository that match a pattern. What is there already costs two requests a tag and no bytes.
//   node mirror.mjs SOURCE-REPOSITORY DEST-REPOSITORY [REGULAR-EXPRESSION]
import { Gantry } from "gantry";

const [source, destination, pattern = "."] = process.argv.slice(2);
if (source === undefined || destination === undefined) {
  console.error("Usage: node mirror.mjs SOURCE-REPOSITORY DEST-REPOSITORY [REGULAR-EXPRESSION]");
  process.exit(2);
}

const wanted = new RegExp(pattern);
const gantry = new Gantry({ env: process.env });
try {
  // Tags come page by page: a repository with a million of them needs no memory for them.
  for await (const tag of gantry.tags(source)) {
    if (!wanted.test(tag)) continue;
    const plan = await gantry.copy(`${source}:${tag}`, `${destination}:${tag}`);
    const { destinations, totals } = await plan.apply();
    const moved = destinations.some(({ changed }) => changed);
    console.log(`${tag} ${moved ? "copied" : "unchanged"} ${totals.uploaded.bytes} bytes`);
  }
} finally {
  await gantry[Symbol.asyncDispose]();
}
