import type { HeaderMap } from "../../net/index.js";

/** What a registry can do, as far as it is known. Undefined: not known yet, so it is tried. */
export interface RegistryTraits {
  /** The referrers API (distribution-spec 1.1, end-12a). */
  readonly referrers?: boolean;
  /** PATCH with Content-Range: chunks, and going on after a break. */
  readonly chunks?: boolean;
  /** Whether what a broken closing PUT brought can be continued. distribution 3 can, 2.8 drops the session. */
  readonly putResumes?: boolean;
  /** False: a session that broke is lost, so nothing is asked of it and nothing is noted for the next run. */
  readonly resumes?: boolean;
  /** The Range in the answer to a PATCH stays behind what was taken; a yes counts for all that was sent. */
  readonly rangeLags?: boolean;
  /** `OCI-Chunk-Min-Length`. */
  readonly chunkMin?: number;
  /** `OCI-Chunk-Max-Length`. */
  readonly chunkMax?: number;
  /** `n=` of a tag list. */
  readonly pageSize?: number;
}

/** A host whose habits are documented by its operator; the source stands beside each. */
interface Documented {
  readonly host: RegExp;
  readonly traits: RegistryTraits;
}

/**
 * Consulted last: what a host says or does overrules it.
 */
const DOCUMENTED: readonly Documented[] = [
  // Artifact Registry: "chunked uploads are not supported" (cloud.google.com/artifact-registry/docs/reference/docker-api).
  { host: /(?:^|\.)(?:pkg\.dev|gcr\.io)$/, traits: { chunks: false } },
];

/** What is known about one host: learned from its answers first, documented last. Shared by all its repositories. */
export class TraitBook {
  readonly #host: string;
  #learned: RegistryTraits = {};

  constructor(host: string) {
    this.#host = host;
  }

  /** What holds now. */
  get traits(): RegistryTraits {
    const name = this.#host.replace(/:\d+$/, "");
    return { ...DOCUMENTED.find(({ host }) => host.test(name))?.traits, ...this.#learned };
  }

  /** Notes what an answer showed. */
  learn(traits: RegistryTraits): void {
    this.#learned = { ...this.#learned, ...traits };
  }

  /** Notes what an answer's headers say. */
  learnFrom(headers: HeaderMap): void {
    const chunkMin = byteCount(headers["oci-chunk-min-length"]);
    const chunkMax = byteCount(headers["oci-chunk-max-length"]);
    if (chunkMin !== undefined || chunkMax !== undefined) {
      this.learn({
        ...(chunkMin === undefined ? {} : { chunkMin }),
        ...(chunkMax === undefined ? {} : { chunkMax }),
      });
    }
  }
}

function byteCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text.trim())) return undefined;
  const count = Number(text);
  return count > 0 ? count : undefined;
}
