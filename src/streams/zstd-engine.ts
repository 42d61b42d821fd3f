import type { Transform } from "node:stream";
import zlib from "node:zlib";

/** The part of node:zlib that exists from Node 22.15 on. */
export interface NativeZstd {
  zstdCompress(
    input: Uint8Array,
    options: { readonly params: Readonly<Record<number, number>>; readonly chunkSize: number },
    done: (error: Error | null, output: Uint8Array) => void,
  ): void;
  createZstdDecompress(options: {
    readonly chunkSize: number;
    readonly highWaterMark: number;
    readonly params: Readonly<Record<number, number>>;
  }): Transform;
  readonly levelParameter: number;
  readonly windowLogMaxParameter: number;
}

/** node:zlib's zstd, where this Node has it. */
export function nativeZstd(): NativeZstd | undefined {
  if (!("createZstdDecompress" in zlib)) return undefined;
  const native = zlib as unknown as Omit<NativeZstd, "levelParameter" | "windowLogMaxParameter">;
  const constants = zlib.constants as unknown as Readonly<Record<string, number>>;
  return {
    zstdCompress: native.zstdCompress,
    createZstdDecompress: native.createZstdDecompress,
    levelParameter: constants["ZSTD_c_compressionLevel"]!,
    windowLogMaxParameter: constants["ZSTD_d_windowLogMax"]!,
  };
}

/** The part of @cloudpss/zstd that is used. */
export interface ZstdAddon {
  readonly Compressor: new (level: number) => Transform;
  readonly Decompressor: new () => Transform;
}

/**
 * The optional native package, for Node 20 only: from 22 on the `ZSTD_*` symbols of the node binary take the place of
 * the add-on's own, which are of another version.
 */
export async function zstdAddon(): Promise<ZstdAddon | undefined> {
  if (nativeZstd() !== undefined || Number.parseInt(process.versions.node, 10) >= 22) return undefined;
  try {
    return await import("@cloudpss/zstd");
  } catch {
    // Not installed, or no binary for this machine.
    return undefined;
  }
}
