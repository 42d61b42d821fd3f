import { createHash } from "node:crypto";

/** A blob or document with its digest. */
interface Content {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

const contentOf = (value: string): Content => {
  const bytes = new TextEncoder().encode(value);
  return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
};

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

/** Pushes a small image under each tag, by plain requests: one layer that all share, one config of its own each. */
export async function pushSmallImages(
  url: string,
  repository: string,
  tags: readonly string[],
  salt = "",
): Promise<ReadonlyMap<string, string>> {
  const layer = contentOf(`the layer that all images share${salt}`.repeat(20));
  await putBlob(url, repository, layer);
  const digests = new Map<string, string>();
  for (const tag of tags) {
    const config = contentOf(
      JSON.stringify({
        architecture: "amd64",
        os: "linux",
        config: { Labels: { tag, salt } },
        rootfs: { type: "layers", diff_ids: [] },
      }),
    );
    await putBlob(url, repository, config);
    const manifest = contentOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: config.digest,
          size: config.bytes.byteLength,
        },
        layers: [
          { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.bytes.byteLength },
        ],
      }),
    );
    const answer = await fetch(`${url}/v2/${repository}/manifests/${tag}`, {
      method: "PUT",
      headers: { "content-type": MANIFEST },
      body: manifest.bytes,
    });
    if (answer.status !== 201) throw new Error(`${tag}: ${answer.status} ${await answer.text()}`);
    digests.set(tag, manifest.digest);
  }
  return digests;
}

async function putBlob(url: string, repository: string, { digest, bytes }: Content): Promise<void> {
  const started = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const to = new URL(started.headers.get("location") ?? "", url);
  to.searchParams.set("digest", digest);
  const answer = await fetch(to, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: bytes,
  });
  if (answer.status !== 201) throw new Error(`${digest}: ${answer.status} ${await answer.text()}`);
}
