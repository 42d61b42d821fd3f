import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";

/** Writes a stream beside its final name and renames it there when all of it came. Answers the length. */
export async function saveStream(source: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const temporary = `${path}.gantry-${process.pid}`;
  let size = 0;
  try {
    await pipeline(
      source,
      async function* (chunks: AsyncIterable<Uint8Array>) {
        for await (const chunk of chunks) {
          size += chunk.byteLength;
          yield chunk;
        }
      },
      createWriteStream(temporary, { flags: "wx", flush: true }),
    );
    await rename(temporary, path);
    return size;
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    // People know the file by the name that they gave it.
    if (error instanceof Error && "path" in error && error.path === temporary) Object.assign(error, { path });
    throw error;
  }
}
