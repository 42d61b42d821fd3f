import { randomBytes } from "node:crypto";
import { checkTarget } from "../../net/index.js";
import { encodeJson, type Json } from "../../spec/index.js";
import { digestOf } from "../../streams/index.js";
import type { DoctorClient } from "./client.js";
import type { Findings } from "./finding.js";
import { checkRange } from "./reading.js";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const ARTIFACT = "application/vnd.gantry.doctor.v1";
const OCTETS = "application/octet-stream";

interface Content {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** What the checks left in the repository. */
export interface Leftovers {
  readonly tag: string;
  /** Names and digests that could not be removed again. */
  readonly remaining: readonly string[];
}

/**
 * What can be learned of a repository by writing: a tiny artifact in every way there is, under a tag that nobody else
 * uses, and removed again as far as the registry lets.
 */
export async function checkWriting(client: DoctorClient, repository: string, findings: Findings): Promise<Leftovers> {
  return new Writing(client, repository, findings).run();
}

class Writing {
  readonly #client: DoctorClient;
  readonly #findings: Findings;
  readonly #repository: string;
  readonly #path: string;
  readonly #scopes: readonly string[];
  readonly #tag: string = `gantry-doctor-${randomBytes(6).toString("hex")}`;
  readonly #manifests = new Map<string, string>();
  readonly #blobs = new Set<string>();
  #tagged = false;

  constructor(client: DoctorClient, repository: string, findings: Findings) {
    this.#client = client;
    this.#findings = findings;
    this.#repository = repository;
    this.#path = `/v2/${repository}`;
    this.#scopes = [`repository:${repository}:pull,push`];
  }

  async run(): Promise<Leftovers> {
    const blob = await this.#check("upload", () => this.#upload());
    if (blob === undefined) {
      for (const check of ["mount", "chunks", "resume", "OCI manifest", "tag delete", "manifest delete"])
        this.#findings.unknown(check, "nothing can be uploaded");
      return { tag: this.#tag, remaining: [] };
    }
    try {
      await this.#check("single POST", () => this.#singlePost());
      await this.#check("chunks", () => this.#chunks());
      await this.#check("mount", () => this.#mount(blob));
      if (this.#findings.all.every(({ check, result }) => check !== "range GET" || result === "unknown"))
        await this.#check("range GET", () => this.#range(blob));
      const manifest = await this.#check("OCI manifest", () => this.#manifest(blob));
      if (manifest !== undefined) {
        await this.#check("OCI index", () => this.#index(manifest));
        await this.#check("conditional put", () => this.#conditional(manifest));
        await this.#check("referrers", () => this.#referrer(blob, manifest));
      }
    } finally {
      await this.#removeAll(blob);
    }
    return { tag: this.#tag, remaining: this.#remaining() };
  }

  /** POST, then PUT of everything: what every registry has to take (distribution-spec 1.1, "POST then PUT"). */
  async #upload(): Promise<Content | undefined> {
    const content = random(256);
    const session = await this.#start();
    if (session.to === undefined) {
      this.#findings.no(
        "upload",
        `POST answers ${session.status}`,
        session.status === 403 || session.status === 401 ? "These credentials may not push here." : undefined,
      );
      return undefined;
    }
    const done = await this.#client.ask("PUT", withDigest(session.to, content.digest), {
      bytes: content.bytes,
      headers: { "content-type": OCTETS },
      scopes: this.#scopes,
    });
    if (done.status !== 201) {
      this.#findings.no("upload", `PUT answers ${done.status}`);
      return undefined;
    }
    this.#blobs.add(content.digest);
    const least = session.chunkMin === undefined ? "" : `, chunks of at least ${session.chunkMin} bytes`;
    this.#findings.ok("upload", `POST and PUT${least}`);
    return content;
  }

  async #singlePost(): Promise<void> {
    const content = random(64);
    const answer = await this.#client.ask("POST", `${this.#path}/blobs/uploads/?digest=${content.digest}`, {
      bytes: content.bytes,
      headers: { "content-type": OCTETS },
      scopes: this.#scopes,
    });
    if (answer.status === 201) {
      this.#blobs.add(content.digest);
      this.#findings.ok("single POST", "201: a small blob costs one request");
      return;
    }
    this.#findings.no("single POST", `${answer.status}`, "A blob costs two requests at least.");
    await this.#cancel(answer.headers["location"]);
  }

  async #chunks(): Promise<void> {
    const content = random(4096);
    const { to, status, chunkMin } = await this.#start();
    if (to === undefined) return this.#findings.no("chunks", `POST answers ${status}`);
    if (chunkMin !== undefined && chunkMin > 1024) {
      this.#findings.ok("chunks", `of at least ${chunkMin} bytes; not tried`);
      this.#findings.unknown("resume", "not tried");
      return this.#cancel(to.href);
    }
    const chunk = (at: URL, start: number, end: number) =>
      this.#client.ask("PATCH", at, {
        bytes: content.bytes.subarray(start, end),
        headers: { "content-type": OCTETS, "content-range": `${start}-${end - 1}` },
        scopes: this.#scopes,
      });
    const first = await chunk(to, 0, 1024);
    if (first.status !== 202) {
      this.#findings.no(
        "chunks",
        `PATCH answers ${first.status}`,
        "Blobs are sent in one piece; a break starts them again.",
      );
      this.#findings.no("resume", "there are no chunks");
      return this.#cancel(to.href);
    }
    let next = this.#next(first.headers["location"], to);
    const state = await this.#client.ask("GET", next, { scopes: this.#scopes });
    const range = state.headers["range"];
    if (state.status === 204 && range?.replace(/^bytes=/, "") === "0-1023")
      this.#findings.ok("resume", "it tells how far an upload has come: a broken push goes on there");
    else
      this.#findings.no(
        "resume",
        `GET of an upload answers ${state.status}${range === undefined ? "" : `, range ${range}`}`,
        "A broken upload starts again.",
      );
    next = this.#next(state.headers["location"], next);
    const second = await chunk(next, 1024, 4096);
    const end = await this.#client.ask(
      "PUT",
      withDigest(this.#next(second.headers["location"], next), content.digest),
      {
        bytes: new Uint8Array(0),
        scopes: this.#scopes,
      },
    );
    if (second.status === 202 && end.status === 201) {
      this.#blobs.add(content.digest);
      this.#findings.ok("chunks", "PATCH, PATCH, PUT");
    } else this.#findings.no("chunks", `the second PATCH answers ${second.status}, the PUT ${end.status}`);
  }

  async #mount(blob: Content): Promise<void> {
    const query = `mount=${encodeURIComponent(blob.digest)}`;
    for (const [check, to] of [
      ["mount", `${query}&from=${encodeURIComponent(this.#repository)}`],
      ["anonymous mount", query],
    ] as const) {
      const answer = await this.#client.ask("POST", `${this.#path}/blobs/uploads/?${to}`, { scopes: this.#scopes });
      if (answer.status === 201) this.#findings.ok(check, check === "mount" ? "201" : "201: without saying from where");
      else {
        this.#findings.no(
          check,
          `${answer.status}`,
          check === "mount"
            ? "Layers that other repositories have are sent again."
            : "Only from a repository that is named.",
        );
        await this.#cancel(answer.headers["location"]);
      }
    }
  }

  async #range(blob: Content): Promise<void> {
    this.#findings.drop("range GET");
    await checkRange(this.#client, `${this.#path}/blobs/${blob.digest}`, this.#scopes, this.#findings);
  }

  async #manifest(blob: Content): Promise<Content | undefined> {
    const content = document(this.#artifact(blob));
    const answer = await this.#put(this.#tag, MANIFEST, content);
    if (answer.status !== 201) {
      this.#findings.no("OCI manifest", `${answer.status}`, "It may take Docker's media types only.");
      return undefined;
    }
    this.#tagged = true;
    this.#manifests.set(content.digest, "manifest");
    this.#findings.ok("OCI manifest", "201, an artifact with a type of its own");
    return content;
  }

  async #index(manifest: Content): Promise<void> {
    const content = document({
      schemaVersion: 2,
      mediaType: INDEX,
      manifests: [{ mediaType: MANIFEST, digest: manifest.digest, size: manifest.bytes.byteLength }],
      annotations: { "org.opencontainers.image.title": this.#tag },
    });
    const answer = await this.#put(content.digest, INDEX, content);
    if (answer.status === 201) {
      this.#manifests.set(content.digest, "index");
      this.#findings.ok("OCI index", "201");
    } else this.#findings.no("OCI index", `${answer.status}`, "Images for several platforms cannot be kept here.");
  }

  /** A condition that cannot hold has to be refused, else it was not read (RFC 9110 section 13.1.1). */
  async #conditional(manifest: Content): Promise<void> {
    const head = await this.#client.ask("HEAD", `${this.#path}/manifests/${this.#tag}`, {
      headers: { accept: MANIFEST },
      scopes: this.#scopes,
    });
    const answer = await this.#put(this.#tag, MANIFEST, manifest, { "if-match": '"gantry-doctor"' });
    const etag = head.headers["etag"] === undefined ? "no ETag" : "an ETag";
    if (answer.status === 412) this.#findings.ok("conditional put", `412 when If-Match does not hold, ${etag}`);
    else
      this.#findings.no(
        "conditional put",
        `If-Match is not read (${answer.status}), ${etag}`,
        "Two writers of one tag can overwrite each other.",
      );
  }

  async #referrer(blob: Content, subject: Content): Promise<void> {
    const content = document({
      ...this.#artifact(blob),
      subject: { mediaType: MANIFEST, digest: subject.digest, size: subject.bytes.byteLength },
    });
    const answer = await this.#put(content.digest, MANIFEST, content);
    if (answer.status !== 201) return this.#findings.no("referrers", `a manifest with a subject: ${answer.status}`);
    this.#manifests.set(content.digest, "referrer");
    if (answer.headers["oci-subject"] !== undefined)
      this.#findings.ok("referrers", "the registry keeps them (OCI-Subject)");
    else this.#findings.no("referrers", "taken, but the registry does not list it", "Fallback tags are needed.");
  }

  async #removeAll(blob: Content): Promise<void> {
    const scopes = [`repository:${this.#repository}:pull,push,delete`];
    const remove = async (what: string): Promise<number> => {
      try {
        return (await this.#client.ask("DELETE", `${this.#path}/${what}`, { scopes })).status;
      } catch {
        return 0;
      }
    };
    const went = (status: number): boolean => status >= 200 && status < 300;
    if (this.#tagged) {
      const status = await remove(`manifests/${this.#tag}`);
      if (went(status)) {
        this.#tagged = false;
        this.#findings.ok("tag delete", `${status}`);
      } else
        this.#findings.no("tag delete", `${status}`, "A tag goes only with its manifest, and all other tags of that.");
    }
    let status = 0;
    // What points at others goes first.
    for (const digest of [...this.#manifests.keys()].reverse()) {
      status = await remove(`manifests/${digest}`);
      if (went(status) || status === 404) this.#manifests.delete(digest);
    }
    if (this.#manifests.size === 0) {
      this.#tagged = false;
      this.#findings.ok("manifest delete", "by digest");
    } else this.#findings.no("manifest delete", `${status}`, "The registry has to be set up to allow deletes.");
    for (const digest of this.#blobs) {
      const answer = await remove(`blobs/${digest}`);
      if (digest === blob.digest)
        if (went(answer)) this.#findings.ok("blob delete", `${answer}`);
        else
          this.#findings.no(
            "blob delete",
            `${answer}`,
            "The registry collects blobs that nothing names, or keeps them.",
          );
      if (went(answer) || answer === 404) this.#blobs.delete(digest);
    }
  }

  #remaining(): string[] {
    return [
      ...(this.#tagged ? [`${this.#repository}:${this.#tag}`] : []),
      ...[...this.#manifests.keys(), ...this.#blobs].map((digest) => `${this.#repository}@${digest}`),
    ];
  }

  #artifact(blob: Content): Record<string, Json> {
    const layer = { mediaType: ARTIFACT, digest: blob.digest, size: blob.bytes.byteLength };
    return { schemaVersion: 2, mediaType: MANIFEST, artifactType: ARTIFACT, config: layer, layers: [layer] };
  }

  #put(name: string, mediaType: string, { bytes }: Content, headers: Record<string, string> = {}) {
    return this.#client.ask("PUT", `${this.#path}/manifests/${name}`, {
      bytes,
      headers: { "content-type": mediaType, ...headers },
      scopes: this.#scopes,
    });
  }

  async #start(): Promise<{ to: URL | undefined; status: number; chunkMin: number | undefined }> {
    const answer = await this.#client.ask("POST", `${this.#path}/blobs/uploads/`, { scopes: this.#scopes });
    const location = answer.headers["location"];
    const chunkMin = Number(answer.headers["oci-chunk-min-length"] ?? "");
    return {
      to: answer.status === 202 && location !== undefined ? this.#next(location, this.#client.origin) : undefined,
      status: answer.status,
      chunkMin: Number.isInteger(chunkMin) && chunkMin > 0 ? chunkMin : undefined,
    };
  }

  /** @throws GantryError ORIGIN_REFUSED where a registry sends its clients into another network */
  #next(location: string | undefined, from: URL): URL {
    if (location === undefined || !URL.canParse(location, from.href)) return from;
    const to = new URL(location, from);
    checkTarget(this.#client.origin, to, this.#client.origin, "sends uploads to");
    return to;
  }

  async #cancel(location: string | undefined): Promise<void> {
    if (location === undefined) return;
    await this.#client
      .ask("DELETE", this.#next(location, this.#client.origin), { scopes: this.#scopes })
      .catch(() => {});
  }

  /** One check that breaks must not keep the others from being made, nor leave anything behind. */
  async #check<T>(name: string, act: () => Promise<T>): Promise<T | undefined> {
    try {
      return await act();
    } catch (error) {
      this.#findings.failed(name, error);
      return undefined;
    }
  }
}

const random = (length: number): Content => {
  const bytes = new Uint8Array(randomBytes(length));
  return { bytes, digest: digestOf(bytes) };
};

function document(value: Record<string, Json>): Content {
  const bytes = encodeJson(value);
  return { bytes, digest: digestOf(bytes) };
}

/** Not searchParams: the registry's own query has to stay as it was signed. */
function withDigest(url: URL, digest: string): URL {
  const to = new URL(url);
  to.search = `${to.search === "" ? "?" : `${to.search}&`}digest=${encodeURIComponent(digest)}`;
  return to;
}
