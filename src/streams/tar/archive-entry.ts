import type { TarEntry, TarEntryType, TarTime } from "./entry.js";
import { decodeText } from "./pax.js";

/** What an {@link ArchiveEntry} is made of. */
export interface EntryFields {
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly size: number;
  readonly mtime: TarTime;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly pax: ReadonlyMap<string, Uint8Array>;
  readonly sparse: boolean;
  readonly dataOffset: number;
}

/** An entry that was read. Keeps no memory of the chunk that its header came in, for entries are collected in lists. */
export class ArchiveEntry implements TarEntry {
  readonly name: string;
  readonly linkName: string;
  readonly type: TarEntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly size: number;
  readonly mtime: TarTime;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  readonly pax: ReadonlyMap<string, Uint8Array>;
  readonly sparse: boolean;
  readonly dataOffset: number;
  readonly #rawName: Uint8Array | undefined;
  readonly #rawLinkName: Uint8Array | undefined;
  readonly #read: () => AsyncIterable<Uint8Array>;
  #body: AsyncIterable<Uint8Array> | undefined;

  constructor(fields: EntryFields, read: () => AsyncIterable<Uint8Array>) {
    this.name = decodeText(fields.name);
    this.linkName = fields.linkName.byteLength === 0 ? "" : decodeText(fields.linkName);
    // Text says all unless a byte was replaced.
    this.#rawName = this.name.includes("\uFFFD") ? fields.name.slice() : undefined;
    this.#rawLinkName = this.linkName.includes("\uFFFD") ? fields.linkName.slice() : undefined;
    this.type = fields.type;
    this.mode = fields.mode;
    this.uid = fields.uid;
    this.gid = fields.gid;
    this.uname = fields.uname;
    this.gname = fields.gname;
    this.size = fields.size;
    this.mtime = fields.mtime;
    this.devMajor = fields.devMajor;
    this.devMinor = fields.devMinor;
    this.xattrs = fields.xattrs;
    this.pax = fields.pax;
    this.sparse = fields.sparse;
    this.dataOffset = fields.dataOffset;
    this.#read = read;
  }

  get rawName(): Uint8Array {
    return this.#rawName ?? new TextEncoder().encode(this.name);
  }

  get rawLinkName(): Uint8Array {
    return this.#rawLinkName ?? new TextEncoder().encode(this.linkName);
  }

  get body(): AsyncIterable<Uint8Array> {
    this.#body ??= this.#read();
    return this.#body;
  }
}
