import { describe, expect, it } from "vitest";
import { destinationName } from "./destination-name.js";

const BUSYBOX = { repository: "registry.example.com/repo/busybox", ref: "1-musl" };
const DIGEST = `sha256:${"1".repeat(64)}`;

describe("names at the destination", () => {
  it.each([
    // The examples of skopeo-sync(1).
    [
      "the last part below it",
      { base: "my-registry.local.lan", mode: "last" },
      BUSYBOX,
      "my-registry.local.lan/busybox:1-musl",
    ],
    [
      "a folder, its slash or not",
      { base: "my-registry.local.lan/repo/", mode: "last" },
      BUSYBOX,
      "my-registry.local.lan/repo/busybox:1-musl",
    ],
    [
      "scoped",
      { base: "my-registry.local.lan", mode: "scoped" },
      BUSYBOX,
      "my-registry.local.lan/registry.example.com/repo/busybox:1-musl",
    ],
    [
      "a suffix",
      { base: "my-registry.local.lan", mode: "last", suffix: "-mirror" },
      BUSYBOX,
      "my-registry.local.lan/busybox:1-musl-mirror",
    ],
    ["the repository itself", { base: "localhost:5000/a/b", mode: "exact" }, BUSYBOX, "localhost:5000/a/b:1-musl"],
    [
      "a digest stays one",
      { base: "localhost:5000/a", mode: "last", suffix: "-x" },
      { ...BUSYBOX, ref: DIGEST },
      `localhost:5000/a/busybox@${DIGEST}`,
    ],
    [
      "a host with a port below another",
      { base: "localhost:5000", mode: "scoped" },
      { repository: "127.0.0.1:5001/app", ref: "1" },
      "localhost:5000/127.0.0.1_5001/app:1",
    ],
    ["a layout", { base: "oci:./out", mode: "last" }, BUSYBOX, "oci:./out:busybox:1-musl"],
    ["a layout of one repository", { base: "oci:./out", mode: "exact" }, BUSYBOX, "oci:./out:1-musl"],
    [
      "gantry's own store under the same name",
      { base: "local:", mode: "last" },
      BUSYBOX,
      "local:registry.example.com/repo/busybox:1-musl",
    ],
    [
      "gantry's own store below a name",
      { base: "local:mirror", mode: "last" },
      BUSYBOX,
      "local:docker.io/mirror/busybox:1-musl",
    ],
  ] as const)("%s", (_name, pattern, source, expected) => {
    expect(destinationName(pattern, source)).toBe(expected);
  });

  it("refuses places that names cannot be made in", () => {
    expect(() => destinationName({ base: "docker-archive:x.tar", mode: "last" }, BUSYBOX)).toThrow(
      "sync brings images to",
    );
    expect(() => destinationName({ base: "h.io", mode: "last", suffix: "/x" }, BUSYBOX)).toThrow("is not a tag");
  });
});
