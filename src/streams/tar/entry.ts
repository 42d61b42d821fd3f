import type { Body } from "../body.js";

/** What a tar entry is. */
export type TarEntryType =
  | "file"
  | "directory"
  | "symlink"
  | "hardlink"
  | "character"
  | "block"
  | "fifo"
  | "contiguous";

/** A time since 1970. `nanoseconds` is never negative: half a second before 1970 is -1 and 500 000 000. */
export interface TarTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** One entry of an archive, with what PAX and GNU headers say about it applied. */
export interface TarEntry {
  /** As UTF-8, exactly as stored (`./a`, `dir/`); bytes that are none show as U+FFFD, and `rawName` has them. */
  readonly name: string;
  readonly rawName: Uint8Array;
  readonly type: TarEntryType;
  /** The twelve permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  /** Of the content, holes included; 0 for what has none. */
  readonly size: number;
  readonly mtime: TarTime;
  /** The target of a link, else "". */
  readonly linkName: string;
  readonly rawLinkName: Uint8Array;
  readonly devMajor: number;
  readonly devMinor: number;
  /** Names without `SCHILY.xattr.`; values are binary. */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** All PAX records in force, global ones included, as they are. */
  readonly pax: ReadonlyMap<string, Uint8Array>;
  /** True when the archive holds the content without its holes. */
  readonly sparse: boolean;
  /** Where the stored content begins in the archive; together with `size` a slice of it, unless `sparse`. */
  readonly dataOffset: number;
  /** The content, with its holes filled. Can be read once, and only until the next entry is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** An entry to write. A {@link TarEntry} is one too. */
export interface TarInput {
  readonly name: string;
  /** Wins over `name`. */
  readonly rawName?: Uint8Array | undefined;
  readonly type: TarEntryType;
  /** 0o644, 0o755 for directories, 0o777 for symlinks when not given. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly uname?: string | undefined;
  readonly gname?: string | undefined;
  /** 1970 when not given. */
  readonly mtime?: TarTime | undefined;
  readonly linkName?: string | undefined;
  /** Wins over `linkName`. */
  readonly rawLinkName?: Uint8Array | undefined;
  readonly devMajor?: number | undefined;
  readonly devMinor?: number | undefined;
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Vendors' records to keep (`MSWINDOWS.rawsd`). Those that the entry's fields, times or sparse maps speak for are left out. */
  readonly pax?: ReadonlyMap<string, Uint8Array> | undefined;
  /** Needed where the body does not know it. */
  readonly size?: number | undefined;
  readonly body?: Body | AsyncIterable<Uint8Array> | undefined;
}
