import type { Digest } from "../../../spec/index.js";
import type { RegistryTraits } from "../traits.js";
import type { UploadSession } from "./session.js";
import type { UploadSource } from "./source.js";

/** One way to bring a blob's bytes into an open session. Every attempt asks anew which one fits. */
export interface UploadStrategy {
  readonly name: "monolithic" | "chunked" | "stream";
  fits(source: UploadSource, session: UploadSession, traits: RegistryTraits): boolean;
  /**
   * Sends what the registry does not have yet and commits. Nothing is repeated here: whoever called looks at the
   * failure, asks the session where it stands, and chooses again.
   *
   * @returns the digest that was committed
   */
  send(
    session: UploadSession,
    source: UploadSource,
    traits: RegistryTraits,
    signal: AbortSignal | undefined,
  ): Promise<Digest>;
}
