import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MEDIA_TYPES } from "../../spec/index.js";
import { bytesBody } from "../../streams/index.js";
import { openLayout } from "./open-layout.js";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "gantry-open-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const code = (value: string) => expect.objectContaining({ code: value });

test("a directory that is not there is not found, with a hint; with create it is made at the first write", async () => {
  const path = join(root, "x");
  await expect(openLayout(path)).rejects.toThrow(
    expect.objectContaining({
      code: "FILE_NOT_FOUND",
      where: `oci:${path}`,
      hint: expect.stringContaining("oci-layout"),
    }),
  );
  const store = await openLayout(path, { create: true });
  expect(await readdir(root)).toEqual([]);
  await store.writer.putBlob({ mediaType: MEDIA_TYPES.ociLayer }, bytesBody(new Uint8Array(3)));
  expect(await readdir(path)).toContain("blobs");
  // Interrupted here, it is not a layout yet, and may become one.
  await expect(openLayout(path)).rejects.toThrow(code("UNSUPPORTED"));
  await openLayout(path, { create: true });
});

test("a file, and a directory with other things, are refused", async () => {
  await writeFile(join(root, "notes.txt"), "mine");
  await expect(openLayout(root, { create: true })).rejects.toThrow("notes.txt");
  await expect(openLayout(root)).rejects.toThrow("not an OCI layout");
  await expect(openLayout(join(root, "notes.txt"), { create: true })).rejects.toThrow("is a file");
  await expect(openLayout(join(root, "notes.txt", "x"), { create: true })).rejects.toThrow(code("IO"));
});

test.each([
  [`{"imageLayoutVersion":"2.0.0"}`, "UNSUPPORTED"],
  [`{"imageLayoutVersion":1}`, "MANIFEST_INVALID"],
  [`{}`, "MANIFEST_INVALID"],
  [`[]`, "MANIFEST_INVALID"],
  [`not json`, "MANIFEST_INVALID"],
  [``, "MANIFEST_INVALID"],
])("oci-layout %j is %s", async (text, wanted) => {
  await writeFile(join(root, "oci-layout"), text);
  await expect(openLayout(root)).rejects.toThrow(code(wanted));
});

test("any version 1.x is read, and a missing or null list of manifests is an empty one", async () => {
  await writeFile(join(root, "oci-layout"), `{"imageLayoutVersion":"1.1.0"}`);
  const store = await openLayout(root);
  await expect(store.resolve("")).rejects.toThrow("holds no image");
  await writeFile(join(root, "index.json"), `{"schemaVersion":2,"manifests":null}`);
  await expect(store.resolve("")).rejects.toThrow("holds no image");
});

test.each([
  `{"schemaVersion":2}`,
  `{"schemaVersion":1,"manifests":[]}`,
  `{"schemaVersion":2,"manifests":[{"mediaType":"x","digest":"sha256:abc","size":1}]}`,
  `{"schemaVersion":2,"manifests":[{"mediaType":"x","size":1}]}`,
  `{"schemaVersion":2,"manifests":[],"layers":[]}`,
  `{"schemaVersion":2,"manifests":[]`,
  ``,
])("index.json %j is refused, with its path", async (text) => {
  await writeFile(join(root, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`);
  await writeFile(join(root, "index.json"), text);
  await expect(openLayout(root)).rejects.toThrow(
    expect.objectContaining({ code: "MANIFEST_INVALID", where: join(root, "index.json") }),
  );
});
