import { expect, test } from "vitest";
import { planJsonSchema } from "./plan-schema.js";

// `node scripts/schema.mjs` writes the file anew.
test("the published JSON Schema is the schema that plans are checked with", async () => {
  const text = `${JSON.stringify(planJsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../../schemas/gantry.schema.json");
});
