import { describe, expect, it } from "vitest";
import { parseSyncFile } from "./sync-file.js";
import type { SyncPlan } from "./sync-rule.js";

const parse = (text: string): Promise<SyncPlan> => parseSyncFile(text, "sync.yaml");

async function refusal(text: string): Promise<string> {
  const error = await parse(text).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "PLAN_INVALID" });
  return (error as Error).message;
}

describe("gantry's sync file", () => {
  it("says everything that a rule can say", async () => {
    const plan = await parse(`
defaults: { immutable: '^v\\d', delete: true }
concurrency: 8
registries:
  localhost:5000: { tls-verify: false, credentials: { username: ci, password: 1234 } }
sync:
  - source: localhost:5000/team/app
    dest: localhost:5001/mirror/app
    tags: { allow: ['^1'], deny: rc, glob: ['1.*'], semver: '>=1.2', newest: 5 }
    platforms: [linux/amd64, linux/arm64]
    attached: all
    delete: false
  - source: docker.io/library/alpine
    tags: { names: ["3.20", latest] }
`);
    expect(plan.concurrency).toBe(8);
    expect(plan.rules).toEqual([
      {
        source: "localhost:5000/team/app",
        dest: "localhost:5001/mirror/app",
        names: undefined,
        tags: { allow: [/^1/], deny: [/rc/], glob: ["1.*"], semver: ">=1.2", newest: 5 },
        immutable: [/^v\d/],
        delete: false,
        platforms: ["linux/amd64", "linux/arm64"],
        attached: ["all"],
        access: { username: "ci", password: "1234", certDir: undefined, tlsVerify: false },
      },
      expect.objectContaining({
        source: "docker.io/library/alpine",
        names: ["3.20", "latest"],
        tags: undefined,
        immutable: [/^v\d/],
        delete: true,
        access: undefined,
      }),
    ]);
  });

  it.each([
    ["an unknown key", "sync:\n  - source: a\n    destt: b\n", 'sync.yaml:3:5: unknown key "destt"'],
    ["a missing source", "sync:\n  - dest: b\n", 'sync.yaml:2:5: "source" is missing: expected a text'],
    ["nothing", "sync: []\n", 'sync.yaml:1:7: "sync": names nothing to sync'],
    [
      "a broken expression",
      "sync:\n  - source: a\n    tags: { allow: ['('] }\n",
      'sync.yaml:3:21: "(" is no regular expression',
    ],
    [
      "a broken range",
      "sync:\n  - source: a\n    tags:\n      semver: newish\n",
      'sync.yaml:4:15: "newish" is no range of versions',
    ],
    ["a platform", "sync:\n  - source: a\n    platforms: linux//x\n", "sync.yaml:3:16: "],
    [
      "a name that is none",
      "sync:\n  - source: a\n    tags: { names: [a b] }\n",
      'sync.yaml:3:21: "a b" is neither a tag nor a digest',
    ],
    [
      "names and patterns",
      "sync:\n  - source: a\n    tags: { names: [a], glob: b }\n",
      'sync.yaml:3:13: "names" excludes',
    ],
    ["a source", "sync:\n  - source: Not/A/Name\n", "sync.yaml:2:13: "],
    ["a number", "sync:\n  - source: a\n    tags: { newest: none }\n", 'sync.yaml:3:21: "newest": expected a number'],
  ])("refuses %s with its place", async (_name, text, message) => {
    expect(await refusal(text)).toContain(message);
  });

  it("tells all that is wrong at once", async () => {
    const message = await refusal("sync:\n  - source: a\n    delete: maybe\n  - sorce: b\n");
    expect(message).toContain("sync.yaml:3:13: ");
    expect(message).toContain("sync.yaml:4:5: ");
  });
});

describe("skopeo's sync file", () => {
  it("is read as its documentation shows it", async () => {
    const plan = await parse(`
registry.example.com:
    images:
        busybox: []
        redis:
            - "1.0"
            - "2.0"
            - "sha256:0000000000000000000000000000000011111111111111111111111111111111"
    images-by-tag-regex:
        nginx: ^1\\.13\\.[12]-alpine-perl$
    images-by-semver:
        alpine: ">= 3.12.0"
    credentials:
        username: john
        password: this is a secret
    tls-verify: true
    cert-dir: /home/john/certs
quay.io:
    tls-verify: false
    images:
        coreos/etcd:
            - latest
`);
    const access = { username: "john", password: "this is a secret", certDir: "/home/john/certs", tlsVerify: true };
    expect(plan.rules).toEqual([
      { source: "registry.example.com/busybox", names: undefined, access },
      {
        source: "registry.example.com/redis",
        names: ["1.0", "2.0", "sha256:0000000000000000000000000000000011111111111111111111111111111111"],
        access,
      },
      { source: "registry.example.com/nginx", tags: { allow: [/^1\.13\.[12]-alpine-perl$/] }, access },
      {
        source: "registry.example.com/alpine",
        tags: expect.objectContaining({ semver: ">= 3.12.0" }) as unknown,
        access,
      },
      {
        source: "quay.io/coreos/etcd",
        names: ["latest"],
        access: { username: undefined, password: undefined, certDir: undefined, tlsVerify: false },
      },
    ]);
  });

  it.each([
    ["a key", "quay.io:\n  image: {}\n", 'sync.yaml:2:3: unknown key "image"'],
    ["a tag", "quay.io:\n  images:\n    etcd: ['a b']\n", 'sync.yaml:3:12: "a b" is neither a tag nor a digest'],
    ["a repository", "quay.io:\n  images:\n    Etcd: []\n", "sync.yaml:3:5: "],
    ["no image", "quay.io:\n  tls-verify: true\n", "sync.yaml:1:1: the sync file names no image"],
    ["an empty file", "", "sync.yaml:1:1: "],
  ])("refuses %s with its place", async (_name, text, message) => {
    expect(await refusal(text)).toContain(message);
  });

  it("never repeats a password in a message", async () => {
    const message = await refusal("quay.io:\n  credentials: { username: [a], password: hunter2 }\n");
    expect(message).not.toContain("hunter2");
  });
});
