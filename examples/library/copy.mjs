// @ts-check
// Copies an image to several places: first the plan as a value, then the act, with progress and retries.
//   node copy.mjs SOURCE DEST…
import { Gantry, GantryError } from "gantry";

const [source, ...destinations] = process.argv.slice(2);
if (source === undefined || destinations.length === 0) {
  console.error("Usage: node copy.mjs SOURCE DEST…");
  process.exit(2);
}

const gantry = new Gantry({ env: process.env });
try {
  const plan = await gantry.copy(source, destinations);
  console.log(`to upload: ${plan.totals.uploaded.bytes} bytes, to mount: ${plan.totals.mounted.count} blobs`);
  let sent = 0;
  const report = await plan.apply({
    onEvent(event) {
      if (event.type === "bytes") sent += event.count;
      if (event.type === "retry") console.error(`${event.destination}: ${event.reason}, trying again`);
      if (event.type === "tagged") console.error(`${event.name} after ${sent} bytes`);
    },
  });
  console.log(report.digest);
} catch (error) {
  if (!GantryError.is(error)) throw error;
  // The code is for programs, the hint for people.
  console.error(`${error.code}: ${error.message}. ${error.hint ?? ""}`);
  process.exitCode = 1;
} finally {
  await gantry[Symbol.asyncDispose]();
}
