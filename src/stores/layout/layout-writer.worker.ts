// Run as a process of its own by layout-processes.test.ts: writes images into a layout and prints what was acknowledged.
import { writeSync } from "node:fs";
import { encodeJson, MEDIA_TYPES } from "../../spec/index.js";
import { bytesBody, digestOf } from "../../streams/index.js";
import { openLayout } from "./open-layout.js";

const [path = "", who = "", rounds = "1", size = "1000"] = process.argv.slice(2);

try {
  await using store = await openLayout(path, { create: true });
  for (let round = 0; round < Number(rounds); round++) {
    const tag = `${who}-${round}`;
    const layer = new Uint8Array(Number(size)).fill(round % 256);
    new TextEncoder().encodeInto(tag, layer);
    const config = encodeJson({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, tag });
    const parts = [
      { mediaType: MEDIA_TYPES.ociConfig, digest: digestOf(config), size: config.byteLength },
      { mediaType: MEDIA_TYPES.ociLayer, digest: digestOf(layer), size: layer.byteLength },
    ] as const;
    await store.writer.putBlob(parts[0], bytesBody(config));
    await store.writer.putBlob(parts[1], bytesBody(layer));
    const manifest = encodeJson({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.ociManifest,
      config: parts[0],
      layers: [parts[1]],
    });
    const descriptor = { mediaType: MEDIA_TYPES.ociManifest, digest: digestOf(manifest), size: manifest.byteLength };
    await store.writer.putManifest(manifest, descriptor, { tags: [tag] });
    // Synchronous: what was printed was acknowledged, whatever happens next.
    writeSync(1, `${tag} ${descriptor.digest}\n`);
  }
} catch (error) {
  writeSync(2, JSON.stringify(error));
  process.exitCode = 1;
}
