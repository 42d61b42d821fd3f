/** A registry's address that counts what passes through it. */
export interface CountingProxy {
  /** `127.0.0.1:PORT`, as it stands in an image name. */
  readonly host: string;
  /** Every request since the last `reset`, as `METHOD PATH STATUS`. */
  readonly requests: readonly string[];
  /** Bytes of request and answer bodies since the last `reset`. */
  readonly bytes: { readonly up: number; readonly down: number };
  reset(): void;
  stop(): Promise<void>;
}
export declare function startCountingProxy(target: string): Promise<CountingProxy>;
