import type { Digest } from "../spec/index.js";
import type { Answer, Exchange } from "./exchange.js";
import { etagOf, isFresh } from "./preconditions.js";
import { parseRange } from "./ranges.js";
import { Refusal } from "./refusal.js";
import { checkDeletable, digestIn, type Registry } from "./registry.js";

/** GET, HEAD and DELETE of `/v2/NAME/blobs/DIGEST` (distribution-spec 1.1, "Pulling blobs", "Deleting blobs"). */
export async function answerBlob(
  registry: Registry,
  exchange: Exchange,
  repository: string,
  text: string,
): Promise<Answer> {
  const digest = digestIn(text);
  if (exchange.method === "DELETE") {
    checkDeletable(registry);
    if (!(await registry.blobs.remove(repository, digest))) throw unknownBlob(digest);
    return { status: 202, headers: { "docker-content-digest": digest } };
  }
  const headers = {
    "docker-content-digest": digest,
    etag: etagOf(digest),
    "accept-ranges": "bytes",
    "cache-control": "max-age=31536000, immutable",
    "content-type": "application/octet-stream",
  };
  if (exchange.method === "HEAD") {
    const size = await registry.blobs.size(repository, digest);
    if (size === undefined) throw unknownBlob(digest);
    if (isFresh(exchange, digest)) return { status: 304, headers };
    return { status: 200, headers, length: size };
  }
  const opened = await registry.blobs.open(repository, digest);
  if (opened === undefined) throw unknownBlob(digest);
  const { file: handle, size } = opened;
  const close = async (answer: Answer): Promise<Answer> => {
    await handle.close();
    return answer;
  };
  if (isFresh(exchange, digest)) return close({ status: 304, headers });
  const ifRange = exchange.header("if-range");
  const wanted = ifRange === undefined || ifRange === etagOf(digest) ? exchange.header("range") : undefined;
  const range = parseRange(wanted, size);
  if (range === "unsatisfiable") {
    await handle.close();
    const contentRange = `bytes */${size}`;
    throw new Refusal(416, "SIZE_INVALID", `the blob has ${size} bytes`, { "content-range": contentRange });
  }
  if (range === undefined) return { status: 200, headers, file: { handle, start: 0, length: size } };
  const contentRange = `bytes ${range.start}-${range.start + range.length - 1}/${size}`;
  return { status: 206, headers: { ...headers, "content-range": contentRange }, file: { handle, ...range } };
}

function unknownBlob(digest: Digest): Refusal {
  return new Refusal(404, "BLOB_UNKNOWN", `there is no blob ${digest} in this repository`);
}
