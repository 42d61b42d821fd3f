import type { TarTime } from "../streams/index.js";

/**
 * A name as bytes, held in a string of one character per byte. File names on Linux are bytes: so they survive whatever
 * they are, and `<` sorts them bytewise, as no locale does.
 */
export type ByteString = string;

/** The bytes of a text as UTF-8. */
export const toByteString = (text: string): ByteString => Buffer.from(text, "utf8").toString("latin1");

/** The bytes themselves, for the file system and for tar. */
export const bytesOf = (name: ByteString): Buffer => Buffer.from(name, "latin1");

/** For people and for patterns. */
export const textOf = (name: ByteString): string => bytesOf(name).toString("utf8");

/** What tells one state of a file from another without reading it. */
export interface FileStamp {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
  readonly dev: bigint;
}

/** One entry of a layer, before it is tar. */
export type FileEntry = {
  /** In the image, without a slash at either end. */
  readonly path: ByteString;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: TarTime;
} & (
  | { readonly type: "directory" }
  | { readonly type: "symlink"; readonly target: ByteString }
  | {
      readonly type: "file";
      /** Where its content is. Never part of what is written. */
      readonly source: ByteString;
      /** What messages call it: the path as the plan writes it. */
      readonly shown: string;
      readonly stamp: FileStamp;
    }
);
