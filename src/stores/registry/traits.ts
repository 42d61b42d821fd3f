import type { HeaderMap } from "../../net/index.js";

/** What a registry can do, as far as it is known. Undefined: not known yet, so it is tried. */
export interface RegistryTraits {
  /** The referrers API (distribution-spec 1.1, end-12a). */
  readonly referrers?: boolean;
  /** PATCH with Content-Range: chunks, and going on after a break. */
  readonly chunks?: boolean;
  /** Whether what a broken closing PUT brought can be continued. distribution 3 can, 2.8 drops the session. */
  readonly putResumes?: boolean;
  /** A blob in the POST that would open its session. Only what says so takes it. */
  readonly singlePost?: boolean;
  /** False: a session that broke is lost, so nothing is asked of it and nothing is noted for the next run. */
  readonly resumes?: boolean;
  /** The Range in the answer to a PATCH stays behind what was taken; a yes counts for all that was sent. */
  readonly rangeLags?: boolean;
  /** `OCI-Chunk-Min-Length`. */
  readonly chunkMin?: number;
  /** `OCI-Chunk-Max-Length`. */
  readonly chunkMax?: number;
  /** The most that a PATCH may bring where the closing PUT may still bring a whole blob. */
  readonly pieceMax?: number;
  /** `n=` of a tag list. */
  readonly pageSize?: number;
}

/** A host whose habits are documented; the source stands beside each, and for people in docs/registries.md. */
interface Documented {
  readonly host: RegExp;
  readonly traits: RegistryTraits;
}

/** Consulted last: what a host says or does overrules it. Only what would cost a failed attempt to learn stands here. */
const DOCUMENTED: readonly Documented[] = [
  // Google's: "Artifact Registry does not support Docker chunked uploads […] You must use monolithic uploads"
  // (cloud.google.com/artifact-registry/docs/reference/docker-api; dotnet/sdk-container-builds#287, skopeo#1101,
  // kitops#777).
  { host: /(?:^|\.)(?:pkg\.dev|gcr\.io)$/, traits: { chunks: false } },
  // Azure's: 404 BLOB_UPLOAD_INVALID for every session that broke (azure-sdk-for-python#29738, -java#34276, -js#25448).
  { host: /\.azurecr\.(?:io|cn|us)$/, traits: { resumes: false } },
  // ECR: more than 1000 tags a page are refused (go-containerregistry#681, renovate#6885); the Range that answers a PATCH
  // does not advance (aws/containers-roadmap#2831, chalk#682).
  {
    host: /(?:\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws)|^public\.ecr\.aws)$/,
    traits: { pageSize: 1000, rangeLags: true },
  },
  // GHCR: 416 for a PATCH of more than 4 MiB (ocx-sh/ocx#237, oras-project/rust-oci-client#37); a PUT may be of any size.
  { host: /^ghcr\.io$/, traits: { pieceMax: 4 * 1024 * 1024 } },
  // Quay gives a hundred tags a page, and refused to be asked for more for a while (go-containerregistry#1963).
  { host: /^quay\.io$/, traits: { pageSize: 100 } },
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
    // Gantry's own registry says who it is. A proxy that puts its own name there takes the shortcut away, nothing else.
    if (this.#learned.singlePost === undefined && /^gantry(?:\/|$)/.test(headers["server"] ?? "")) {
      this.learn({ singlePost: true });
    }
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
