/** A peer as it was found on this machine: its path, or why it is missing. */
export interface Found {
  readonly name: string;
  readonly path?: string;
  readonly missing?: string;
}
export interface Peer {
  readonly name: string;
  readonly apt?: string;
  readonly optional?: boolean;
}
export declare const peersDirectory: string;
export declare const peers: readonly Peer[];
export declare function locate(name: string): Found;
export declare function versionOf(name: string): string | undefined;
export declare function install(names?: readonly string[]): Found[];
