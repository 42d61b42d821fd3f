import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** An image on disk as an OCI layout, written here byte by byte, so that no code under test has a hand in it. */
export interface TestImage {
  readonly layout: string;
  readonly manifest: { readonly digest: string; readonly bytes: Buffer };
  readonly config: { readonly digest: string; readonly size: number };
  readonly layers: readonly { readonly digest: string; readonly size: number }[];
  /** Bytes of config and layers. */
  readonly bytes: number;
}

const MIB = 1024 * 1024;

/** The layers of the measured matrix: one in the middle, one large, one small. */
export const LAYERS: readonly number[] = [2 * MIB, 6 * MIB, 64 * 1024];

const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/** Writes an image with incompressible layers of about those sizes under the name `latest`. */
export async function writeImage(layout: string, sizes: readonly number[] = LAYERS): Promise<TestImage> {
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  const keep = async (bytes: Buffer): Promise<{ digest: string; size: number }> => {
    const hex = sha256(bytes);
    await writeFile(join(layout, "blobs/sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.byteLength };
  };
  const layers: { digest: string; size: number }[] = [];
  const diffIds: string[] = [];
  for (const size of sizes) {
    const tar = tarOf(noise(size));
    diffIds.push(`sha256:${sha256(tar)}`);
    layers.push(await keep(gzipSync(tar, { level: 1 })));
  }
  const config = await keep(
    Buffer.from(
      JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: diffIds } }),
    ),
  );
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: layers.map((layer) => ({ mediaType: LAYER_TYPE, ...layer })),
    }),
  );
  const manifest = await keep(bytes);
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const entry = {
    mediaType: MANIFEST_TYPE,
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": "latest" },
  };
  await writeFile(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return {
    layout,
    manifest: { digest: manifest.digest, bytes },
    config,
    layers,
    bytes: [config, ...layers].reduce((sum, { size }) => sum + size, 0),
  };
}

/** Everything that is wrong with an image in a registry, asked for directly. Empty: it is there, to the byte. */
export async function faultsInRegistry(registry: string, name: string, image: TestImage): Promise<string[]> {
  const [repository = "", tag = ""] = name.split(":");
  const answer = await fetch(`${registry}/v2/${repository}/manifests/${tag}`, { headers: { accept: MANIFEST_TYPE } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (answer.status !== 200) return [`the manifest answers ${answer.status}`];
  if (!bytes.equals(image.manifest.bytes)) return ["the manifest is another one"];
  const faults: string[] = [];
  for (const { digest } of [image.config, ...image.layers]) {
    const blob = await fetch(`${registry}/v2/${repository}/blobs/${digest}`);
    const got = sha256(Buffer.from(await blob.arrayBuffer()));
    if (blob.status !== 200 || `sha256:${got}` !== digest) faults.push(`blob ${digest} answers ${blob.status}, ${got}`);
  }
  return faults;
}

/** Whether a registry has something under that name. */
export async function isNamed(registry: string, name: string): Promise<boolean> {
  const [repository = "", tag = ""] = name.split(":");
  const answer = await fetch(`${registry}/v2/${repository}/manifests/${tag}`, { headers: { accept: MANIFEST_TYPE } });
  await answer.arrayBuffer();
  return answer.status === 200;
}

/** Everything that is wrong with a layout that was written with success. */
export async function faultsInLayout(layout: string, image: TestImage): Promise<string[]> {
  const faults = await strayFiles(layout);
  const entries = await layoutEntries(layout);
  if (entries.length !== 1) return [...faults, `the layout has ${entries.length} entries`];
  const manifest: Partial<{ config: { digest: string }; layers: { digest: string }[] }> = JSON.parse(
    (await blobIn(layout, entries[0]!.digest)).toString("utf8"),
  );
  const wanted = [image.config, ...image.layers].map(({ digest }) => digest).join(" ");
  const got = [manifest.config?.digest, ...(manifest.layers ?? []).map(({ digest }) => digest)].join(" ");
  if (got !== wanted) faults.push("the manifest names other content");
  for (const digest of got.split(" ")) {
    await blobIn(layout, digest).catch(() => faults.push(`${digest} is missing`));
  }
  return faults;
}

/** What must not be there after a failure: a name, a blob that is not what its name says, a file left over. */
export async function faultsAfterFailure(layout: string): Promise<string[]> {
  const entries = await layoutEntries(layout).catch(() => []);
  return [...(entries.length > 0 ? ["an entry was written although it failed"] : []), ...(await strayFiles(layout))];
}

/** Files of a layout that do not belong there, or are not what their name says. */
export async function strayFiles(layout: string): Promise<string[]> {
  const files = await readdir(layout, { recursive: true, withFileTypes: true }).catch(() => []);
  const faults: string[] = [];
  for (const file of files) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name).slice(layout.length + 1);
    // The lock of a layout is a file that stays (docs/decisions); what was being written does not.
    if (path === "oci-layout" || path === "index.json" || path.startsWith(".gantry/lock/")) continue;
    const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
    if (hex === undefined) faults.push(`${path} was left`);
    else if (sha256(await readFile(join(layout, path))) !== hex) faults.push(`${path} holds something else`);
  }
  return faults;
}

async function layoutEntries(layout: string): Promise<{ digest: string }[]> {
  const index: { manifests: { digest: string }[] } = JSON.parse(await readFile(join(layout, "index.json"), "utf8"));
  return index.manifests;
}

const blobIn = (layout: string, digest: string): Promise<Buffer> =>
  readFile(join(layout, "blobs", digest.replace(":", "/")));

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Bytes that no compressor makes smaller. */
export function noise(size: number): Buffer {
  const cipher = createCipheriv("aes-128-ctr", randomBytes(16), randomBytes(16));
  return cipher.update(Buffer.alloc(size));
}

function tarOf(content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  header.write("noise", 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.byteLength.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257, "latin1");
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
