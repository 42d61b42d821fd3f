import { expect, test } from "vitest";
import { syncJsonSchema } from "./sync-schema.js";

// `node scripts/schema.mjs` writes the file anew.
test("the published JSON Schema is the schema that sync files are checked with", async () => {
  const text = `${JSON.stringify(syncJsonSchema(), null, 2)}\n`;
  await expect(text).toMatchFileSnapshot("../../schemas/sync.schema.json");
});
