import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryStore, type MemoryStore, type Referrers, verifyGraph } from "../content/index.js";
import { GantryError } from "../errors.js";
import { type Descriptor, type Digest, parseManifest } from "../spec/index.js";
import { addArtifact, addDocument, addImage, addIndex } from "./content.test-support.js";
import type { AttachedChoice } from "./attached-choice.js";
import { cosignTag, nameBeside } from "./attached-names.js";
import { type CopyOptions, planCopy } from "./plan-copy.js";

const SBOM = "application/spdx+json";
const SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json";

async function copyAll(from: MemoryStore, root: Descriptor, options: CopyOptions = {}) {
  const to = memoryStore({ location: "to" });
  const plan = await planCopy(from, root, [{ store: to, tag: "1", name: "to:1" }], {
    attachedFrom: { store: from, name: "1" },
    ...options,
  });
  return { to, plan, report: await plan.apply() };
}

async function referrersOf(store: MemoryStore, subject: Descriptor): Promise<Digest[]> {
  const found: Digest[] = [];
  for await (const { digest } of store.referrers.list(subject)) found.push(digest);
  return found.toSorted();
}

describe("what is attached to an image", () => {
  it("comes along: referrers of the index and of its images, referrers of these, and what cosign keeps under tags", async () => {
    const from = memoryStore();
    const image = await addImage(from, "a");
    const root = await addIndex(from, [image, await addImage(from, "b")]);
    const sbom = await addArtifact(from, "sbom", { subject: image, type: SBOM });
    const ofSbom = await addArtifact(from, "signature of the sbom", { subject: sbom, type: SIGNATURE });
    const tag = cosignTag(root.digest, "sig");
    const signature = await addArtifact(from, "signature", { tags: [tag] });
    const { to, plan, report } = await copyAll(from, root);
    expect(await referrersOf(to, image)).toEqual([sbom.digest]);
    expect(await referrersOf(to, sbom)).toEqual([ofSbom.digest]);
    expect((await to.resolve(tag)).digest).toBe(signature.digest);
    for (const each of [root, sbom, ofSbom, signature]) await verifyGraph(to, each);
    const attached = plan.steps.filter(({ attachedTo }) => attachedTo !== undefined);
    expect(new Set(attached.map(({ attachedTo }) => attachedTo))).toEqual(
      new Set([image.digest, sbom.digest, root.digest]),
    );
    expect(attached.map(({ action }) => action)).toContain("tag");
    expect(report.destinations.map(({ name }) => name)).toEqual(["to:1"]);
    expect(report.totals.uploaded.count).toBe(plan.totals.uploaded.count);
  });

  it("is left with none, and chosen by group or artifact type together with what belongs to it", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a");
    const sbom = await addArtifact(from, "sbom", { subject: root, type: SBOM });
    const ofSbom = await addArtifact(from, "of sbom", { subject: sbom, type: SIGNATURE });
    const signature = await addArtifact(from, "signature", { subject: root, type: SIGNATURE });
    const other = await addArtifact(from, "other", { subject: root, type: "application/vnd.other" });
    const tag = cosignTag(root.digest, "att");
    await addArtifact(from, "attestation", { tags: [tag] });
    const got = async (attached: AttachedChoice) => {
      const { to } = await copyAll(from, root, { attached });
      const hasTag = await to.resolve(tag).then(
        () => true,
        () => false,
      );
      return { digests: await referrersOf(to, root), ofSbom: await referrersOf(to, sbom), hasTag };
    };
    expect(await got("none")).toEqual({ digests: [], ofSbom: [], hasTag: false });
    expect(await got(["sboms"])).toEqual({ digests: [sbom.digest], ofSbom: [ofSbom.digest], hasTag: false });
    expect(await got(["application/vnd.other", "attestations"])).toEqual({
      digests: [other.digest],
      ofSbom: [],
      hasTag: true,
    });
    const all = [sbom.digest, signature.digest, other.digest].toSorted();
    expect(await got("all")).toEqual({ digests: all, ofSbom: [ofSbom.digest], hasTag: true });
  });

  it("that comes later is sent with the same command again, and nothing else", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a");
    const { to } = await copyAll(from, root);
    const late = await addArtifact(from, "late", { subject: root });
    const destinations = [{ store: to, tag: "1", name: "to:1" }];
    const plan = await planCopy(from, root, destinations, { attachedFrom: { store: from, name: "1" } });
    expect(plan.steps.filter(({ action }) => action === "put").map(({ descriptor }) => descriptor.digest)).toEqual([
      late.digest,
    ]);
    await plan.apply();
    expect(await referrersOf(to, root)).toEqual([late.digest]);
  });

  it("under cosign's tag replaces what was there only when nothing of it is lost", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a");
    const tag = cosignTag(root.digest, "sig");
    const first = await addArtifact(from, "first", { tags: [tag] });
    const { to } = await copyAll(from, root);
    // Another signature beside the first: both are in the new one.
    const old = parseManifest(await from.manifest(first));
    const more = parseManifest(await from.manifest(await addArtifact(from, "second"))).layers;
    const second = await addDocument(from, first.mediaType, { ...old, layers: [...old.layers, ...more] }, [tag]);
    const warnings: string[] = [];
    const again = async () => {
      const plan = await planCopy(from, root, [{ store: to, tag: "1", name: "to:1" }], {
        attachedFrom: { store: from, name: "1" },
        onEvent: (event) => event.type === "warning" && warnings.push(event.message),
      });
      await plan.apply();
      return (await to.resolve(tag)).digest;
    };
    expect(await again()).toBe(second.digest);
    const own = await addArtifact(to, "the destination's own", { tags: [tag] });
    expect(await again()).toBe(own.digest);
    expect(warnings).toEqual([expect.stringContaining("stays as it is")]);
  });

  it("that is listed and not there is left out, with a warning", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a");
    const gone = await addArtifact(from, "gone", { subject: root });
    const referrers: Referrers = {
      async *list() {
        yield gone;
      },
    };
    await from.remover.remove(gone);
    const warnings: string[] = [];
    const { to } = await copyAll(Object.assign({ ...from }, { referrers }), root, {
      onEvent: (event) => event.type === "warning" && warnings.push(event.message),
    });
    expect((await to.resolve("1")).digest).toBe(root.digest);
    expect(warnings).toEqual([expect.stringContaining(gone.digest)]);
  });

  it("without end is refused, and says what to do", async () => {
    const from = memoryStore();
    const root = await addImage(from, "a");
    const gone = await addArtifact(from, "x", { subject: root });
    const referrers: Referrers = {
      async *list() {
        for (let at = 0; ; at++)
          yield { ...gone, digest: `sha256:${at.toString(16).padStart(64, "0")}` as Digest, artifactType: "a/b" };
      },
    };
    await expect(copyAll({ ...from, referrers }, root)).rejects.toMatchObject({
      code: "TOO_LARGE",
      hint: expect.stringContaining("--attached"),
    });
  });

  it("a registry is asked one list of referrers and one of tags, and nothing when the image is there already", async () => {
    const inner = memoryStore({ location: "localhost:5000/a" });
    const root = await addImage(inner, "a", { tags: ["1", "2"] });
    const asked: string[] = [];
    const from = {
      ...inner,
      repository: { host: "localhost:5000", repository: "a" },
      resolve: (name: string) => (asked.push(`resolve ${name}`), inner.resolve(name)),
      tags: { ...inner.tags, list: () => (asked.push("tags"), inner.tags.list()) },
      referrers: { list: (d: Descriptor) => (asked.push("referrers"), inner.referrers.list(d)) },
    };
    const to = memoryStore({ location: "to" });
    const copy = async (options: CopyOptions = {}) => {
      asked.length = 0;
      const destinations = [{ store: to, tag: "1", name: "to:1" }];
      const plan = await planCopy(from, root, destinations, { attachedFrom: { store: from, name: "1" }, ...options });
      await plan.apply();
      return asked.toSorted();
    };
    expect(await copy()).toEqual(["referrers", "tags"]);
    expect(await copy()).toEqual([]);
    expect(await copy({ attached: "all" })).toEqual(["referrers", "tags"]);
  });

  it("a registry that refuses to tell stops the copy only when it was asked for by name", async () => {
    const inner = memoryStore({ location: "localhost:5000/a" });
    const root = await addImage(inner, "a");
    const from = {
      ...inner,
      repository: { host: "localhost:5000", repository: "a" },
      referrers: {
        // eslint-disable-next-line require-yield
        async *list(): AsyncGenerator<Descriptor, void, undefined> {
          throw new GantryError("DENIED", "no", { registry: { status: 403, errors: [] } });
        },
      },
    };
    const copy = async (options: CopyOptions) => {
      const destinations = [{ store: memoryStore({ location: "to" }), tag: "1", name: "to:1" }];
      const plan = await planCopy(from, root, destinations, { attachedFrom: { store: from, name: "1" }, ...options });
      return plan.apply();
    };
    const warnings: string[] = [];
    await copy({ onEvent: (event) => event.type === "warning" && warnings.push(event.message) });
    expect(warnings).toHaveLength(1);
    await expect(copy({ attached: "all" })).rejects.toMatchObject({ code: "DENIED", side: "source" });
  });

  it("copies any graph with anything attached to anything, each digest equal (property)", async () => {
    // Each number attaches something to a document made before it: referrers of referrers, diamonds, chains.
    const shape = fc.array(fc.tuple(fc.nat(), fc.constantFrom("referrer", "index", "sig", "att")), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), shape, async (images, things) => {
        const from = memoryStore();
        const made: Descriptor[] = [];
        for (let at = 0; at < images; at++) made.push(await addImage(from, `image ${at}`));
        const root = await addIndex(from, made);
        const documents = [root, ...made];
        const edges: { subject: Descriptor; tag: string | undefined; digest: Digest }[] = [];
        for (const [at, [pick, kind]] of things.entries()) {
          const subject = documents[pick % documents.length]!;
          const tag = kind === "sig" || kind === "att" ? cosignTag(subject.digest, kind) : undefined;
          if (tag !== undefined && edges.some((edge) => edge.tag === tag)) continue;
          const one =
            kind === "index"
              ? await addIndex(from, [await addImage(from, `inner ${at}`)], { subject })
              : await addArtifact(from, `thing ${at}`, tag === undefined ? { subject } : { tags: [tag] });
          documents.push(one);
          edges.push({ subject, tag, digest: one.digest });
        }
        const { to } = await copyAll(from, root);
        for (const document of documents) await verifyGraph(to, document);
        for (const { subject, tag, digest } of edges) {
          if (tag === undefined) expect(await referrersOf(to, subject)).toContain(digest);
          else expect((await to.resolve(tag)).digest).toBe(digest);
        }
        const again = await planCopy(from, root, [{ store: to, tag: "1", name: "to:1" }], {
          attachedFrom: { store: from, name: "1" },
        });
        expect(again.steps.filter(({ action }) => action !== "skip")).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});

describe("nameBeside", () => {
  const tag = cosignTag(`sha256:${"a".repeat(64)}` as Digest, "sig");
  const files = memoryStore();
  const registry = { ...files, repository: { host: "h", repository: "r" } };
  it.each([
    [registry, "1.0", tag],
    [files, undefined, tag],
    [files, "", tag],
    [files, "1.0", tag],
    [files, "localhost:5000/a/b:1.0", `localhost:5000/a/b:${tag}`],
    [files, "docker.io/library/alpine:3", `docker.io/library/alpine:${tag}`],
    [files, "localhost:5000/a/b", `localhost:5000/a/b:${tag}`],
    [files, `sha256:${"a".repeat(64)}`, tag],
  ])("%#", (store, name, expected) => {
    expect(nameBeside(store, name, tag)).toBe(expected);
  });
});
