/** A slow way to a server. */
export interface SlowLink {
  /** `127.0.0.1:PORT`, as it stands in an image name. */
  readonly host: string;
  /** Bytes that passed since the start: to the server (heads of requests included), and back. */
  readonly bytes: { readonly up: number; readonly down: number };
  /** Calls back, once, when so many bytes have passed upward from now on. A later call takes its place. */
  afterUp(count: number, act: () => void): void;
  stop(): Promise<void>;
}

/** Limits in bytes a second; what is left out is not limited. */
export interface LinkRates {
  /** To the server, all connections together. */
  readonly up?: number;
  /** From the server, all connections together. */
  readonly down?: number;
  /** From the server, each connection by itself. */
  readonly downEach?: number;
}

export declare function startSlowLink(target: string, rates: LinkRates): Promise<SlowLink>;
