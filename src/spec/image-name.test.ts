import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatImageName, type ImageName, parseImageName } from "./image-name.js";

const sha256 = `sha256:${"f".repeat(64)}`;
/** A name without its text, for a comparison. */
const parts = (text: string) =>
  Object.fromEntries(Object.entries(parseImageName(text)).filter(([key]) => key !== "text"));
const hub = (repository: string, tag = "latest") => ({ host: "docker.io", repository: `library/${repository}`, tag });

describe("parseImageName reads", () => {
  test.each<[string, object]>([
    ["alpine", { transport: "docker", reference: hub("alpine") }],
    ["docker://alpine:3", { transport: "docker", reference: hub("alpine", "3") }],
    ["docker://image.tar", { transport: "docker", reference: hub("image.tar") }],
    ["docker:5000/x", { transport: "docker", reference: { host: "docker:5000", repository: "x", tag: "latest" } }],
    ["ghcr.io/a/b.tar", { transport: "docker", reference: { host: "ghcr.io", repository: "a/b.tar", tag: "latest" } }],
    ["registry:2", { transport: "docker", reference: hub("registry", "2") }],
    ["local:app", { transport: "local", reference: hub("app") }],
    ["oci:out", { transport: "oci", path: "out" }],
    ["oci:./out:v1", { transport: "oci", path: "./out", ref: "v1" }],
    ["oci:dir:localhost:5000/a:1", { transport: "oci", path: "dir", ref: "localhost:5000/a:1" }],
    [`oci:dir:${sha256}`, { transport: "oci", path: "dir", ref: sha256 }],
    ["oci:C:\\out:v1", { transport: "oci", path: "C:\\out", ref: "v1" }],
    ["oci:c:/out", { transport: "oci", path: "c:/out" }],
    ["oci-archive:a.tar:x", { transport: "oci-archive", path: "a.tar", ref: "x" }],
    ["oci-archive:-", { transport: "oci-archive", path: "-" }],
    ["docker-archive:-:app:1", { transport: "docker-archive", path: "-", ref: "app:1" }],
    ["dir:/a:b", { transport: "dir", path: "/a:b" }],
    ["docker-daemon:app:1", { transport: "docker-daemon", reference: hub("app", "1") }],
    [`docker-daemon:${sha256}`, { transport: "docker-daemon", id: sha256 }],
    ["containers-storage:app", { transport: "containers-storage", name: "app" }],
    [
      "containers-storage:[overlay@/var/lib+/run]app:1",
      { transport: "containers-storage", driver: "overlay", root: "/var/lib+/run", name: "app:1" },
    ],
    ["containers-storage:[/var/lib]app", { transport: "containers-storage", root: "/var/lib", name: "app" }],
  ])("%s", (text, value) => {
    expect(parts(text)).toEqual(value);
  });
});

describe("parseImageName refuses", () => {
  test.each<[string, RegExp, RegExp?]>([
    ["", /empty/],
    ["  ", /empty/],
    ["./x", /a path needs a transport/, /Did you mean oci:\.\/x\?/],
    ["../x", /a path needs a transport/],
    ["/x", /a path needs a transport/, /oci:\/x/],
    ["~/x", /a path needs a transport/],
    [".", /a path needs a transport/],
    ["C:\\x", /a path needs a transport/],
    ["x.tar", /a file needs a transport/, /docker-archive:x\.tar or oci-archive:x\.tar.*docker:\/\/x\.tar/],
    ["dist/x.tar.gz", /a file needs a transport/],
    ["ocl:./x", /unknown transport "ocl"/, /Did you mean oci:\?/],
    ["dor:/x", /unknown transport "dor"/, /Did you mean dir:\?/],
    ["oci-archiv:x", /unknown transport "oci-archiv"/, /Did you mean oci-archive:\?.*docker:\/\/oci-archiv:x/],
    ["docker-achive:./x.tar", /unknown transport|a file needs/],
    ["docker-deamon:app", /unknown transport/, /docker-daemon/],
    ["foo://x", /unknown transport "foo"/, /Transports are docker, local/],
    ["dcoker://x", /unknown transport "dcoker"/, /Did you mean docker:\/\/\?/],
    ["https://ghcr.io/a", /unknown transport "https"/, /Leave https:\/\/ out/],
    ["docker:24", /needs two slashes/, /docker\.io\/library\/docker:24/],
    ["docker://", /repository is missing/],
    ["oci:", /path is missing/],
    ["oci::x", /path is missing/],
    ["oci:x:", /nothing follows/],
    ["oci:-", /cannot be a stream/],
    ["dir:", /path is missing/],
    ["dir:-", /cannot be a stream/],
    ["docker-daemon:", /name is missing/],
    ["docker-daemon:sha256:abc", /invalid digest/],
    ["containers-storage:", /name is missing/],
    ["containers-storage:[overlay@/x", /bracket is not closed/],
    ["local:", /repository is missing/],
    ["local:UPPER", /lower case/],
  ])("%j", (text, why, hint) => {
    const code = expect.stringMatching(/^(IMAGE_NAME|REFERENCE|DIGEST)_INVALID$/) as string;
    expect(() => parseImageName(text)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(why) }));
    if (hint)
      expect(() => parseImageName(text)).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) }));
  });

  test("a URL with a password, without repeating it", () => {
    try {
      parseImageName("https://user:hunter2@ghcr.io/a");
      expect.unreachable();
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain("hunter2");
    }
  });
});

test("a name that is printed and read is itself; any text is a name or a coded error", () => {
  const heads = fc.constantFrom(
    "",
    "docker://",
    "oci:",
    "local:",
    "dir:",
    "docker-daemon:",
    "containers-storage:",
    "x:",
  );
  fc.assert(
    fc.property(heads, fc.string({ unit: fc.constantFrom(...Array.from("ab0.:/@_-[]\\~T")) }), (head, rest) => {
      let name: ImageName;
      try {
        name = parseImageName(head + rest);
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/_INVALID$/) });
        return;
      }
      expect(parts(formatImageName(name))).toEqual(parts(head + rest));
    }),
    { numRuns: 2000 },
  );
});

test.each(["a-", "oci:", "[", "a.tar", "://", "~"])("100 kB of %j is an answer at once", (piece) => {
  const long = piece.repeat(100_000 / piece.length);
  try {
    parseImageName(long);
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/_INVALID$/) });
  }
});
