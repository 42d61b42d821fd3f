import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tarStream from "tar-stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesBody, readAll, wholeFileBody } from "../body.js";
import { readTar, type TarEntry, type TarInput, writeTar } from "./index.js";

const MANY = 1 << 28;
const ROOT = process.getuid?.() === 0;
const LATIN1 = Buffer.from("caf\xe9.txt", "latin1");
const LONG = `${"long-directory-name/".repeat(12)}${"f".repeat(120)}`;

const has = (tool: string): boolean => {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

let room: string;
let tree: string;
let sparseContent: Buffer;

beforeAll(() => {
  room = mkdtempSync(join(tmpdir(), "gantry-tar-"));
  tree = join(room, "tree");
  mkdirSync(join(tree, LONG, ".."), { recursive: true });
  writeFileSync(join(tree, LONG), "long");
  symlinkSync(`${"t/".repeat(120)}target`, join(tree, "long-link"));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), LATIN1]), "latin");
  writeFileSync(join(tree, "naïve ☃.txt"), "snow");
  writeFileSync(join(tree, "old"), "old");
  // utimes() of Node takes a negative number for "now".
  execFileSync("touch", ["-d", "@-5", join(tree, "old")]);
  writeFileSync(join(tree, "exact"), "exact");
  execFileSync("touch", ["-d", "@1700000000.123456789", join(tree, "exact")]);
  execFileSync("ln", [join(tree, "exact"), join(tree, "hard")]);
  execFileSync("mkfifo", [join(tree, "fifo")]);
  const sparse = openSync(join(tree, "sparse"), "w");
  for (let i = 0; i < 30; i++) writeSync(sparse, `region ${i}`, i * 262_144 + 65_536);
  ftruncateSync(sparse, 30 * 262_144 + 100_000);
  closeSync(sparse);
  sparseContent = readFileSync(join(tree, "sparse"));
});
afterAll(() => {
  rmSync(room, { recursive: true, force: true });
});

interface Read {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

async function readArchive(path: string): Promise<ReadonlyMap<string, Read>> {
  const found = new Map<string, Read>();
  for await (const entry of readTar(await wholeFileBody(path)))
    found.set(Buffer.from(entry.rawName).toString("latin1").replace(/^\.\//, "").replace(/\/$/, ""), {
      entry,
      content: Buffer.from(await readAll(entry.body, MANY)),
    });
  return found;
}

const GNU: readonly (readonly [string, readonly string[]])[] = [
  ["gnu", ["tar", "--format=gnu", "--sparse"]],
  ["oldgnu", ["tar", "--format=oldgnu", "--sparse"]],
  ["pax, sparse 0.0", ["tar", "--format=pax", "--sparse", "--sparse-version=0.0"]],
  ["pax, sparse 0.1", ["tar", "--format=pax", "--sparse", "--sparse-version=0.1"]],
  ["pax, sparse 1.0", ["tar", "--format=pax", "--sparse", "--sparse-version=1.0"]],
];
const BSD: readonly (readonly [string, readonly string[]])[] = has("bsdtar")
  ? [
      ["bsdtar pax", ["bsdtar", "--format=pax"]],
      ["bsdtar gnutar", ["bsdtar", "--format=gnutar"]],
    ]
  : [];

describe("archives of other tools are read right", () => {
  it.each([...GNU, ...BSD])("%s", async (format, [tool, ...options]) => {
    const archive = join(room, "made.tar");
    execFileSync(tool!, [...options, "-cf", archive, "-C", tree, "."], {
      stdio: "pipe",
      env: { ...process.env, LC_ALL: "C.UTF-8" },
    });
    const found = await readArchive(archive);
    expect(found.get(Buffer.from(LONG).toString("latin1"))?.content.toString()).toBe("long");
    expect(found.get("long-link")?.entry).toMatchObject({
      type: "symlink",
      linkName: `${"t/".repeat(120)}target`,
      size: 0,
    });
    expect(found.get("caf\xe9.txt")?.content.toString()).toBe("latin");
    expect(found.get(Buffer.from("naïve ☃.txt").toString("latin1"))?.entry.name).toMatch(/naïve ☃\.txt$/);
    // bsdtar writes 0 for it in this format.
    expect(found.get("old")?.entry.mtime).toEqual({ seconds: format === "bsdtar gnutar" ? 0 : -5, nanoseconds: 0 });
    expect(found.get("exact")?.entry.mtime).toEqual({
      seconds: 1_700_000_000,
      nanoseconds: format.includes("pax") ? 123_456_789 : 0,
    });
    const links = [found.get("exact")!.entry.type, found.get("hard")!.entry.type];
    expect(links.sort((a, b) => (a < b ? -1 : 1))).toEqual(["file", "hardlink"]);
    expect(found.get("fifo")?.entry.type).toBe("fifo");
    const sparse = found.get("sparse")!;
    expect(sparse.entry.size).toBe(sparseContent.byteLength);
    expect(sparse.content.equals(sparseContent)).toBe(true);
    // GNU tar was asked for it, so a file that is not read as sparse was not tested.
    if (tool === "tar") expect(sparse.entry.sparse).toBe(true);
    expect(found.get("")?.entry.type).toBe("directory");
  });

  it.runIf(ROOT)("owners, devices and attributes as root", async () => {
    const special = join(room, "special");
    mkdirSync(special);
    writeFileSync(join(special, "owned"), "x");
    execFileSync("chown", ["3000000:4000000000", join(special, "owned")]);
    execFileSync("mknod", [join(special, "disk"), "b", "259", "70000"]);
    execFileSync("mknod", [join(special, "null"), "c", "1", "3"]);
    let attributes = true;
    try {
      execFileSync("setcap", ["cap_net_raw+ep", join(special, "owned")], { stdio: "ignore" });
    } catch {
      // The file system of this machine keeps none; the reader's own test has them.
      attributes = false;
    }
    for (const [, [tool, ...options]] of [...GNU, ...BSD]) {
      const archive = join(room, "special.tar");
      execFileSync(tool!, [
        ...options,
        ...(tool === "tar" && options[0] === "--format=pax" ? ["--xattrs", "--xattrs-include=*"] : []),
        "-cf",
        archive,
        "-C",
        special,
        ".",
      ]);
      const found = await readArchive(archive);
      expect(found.get("owned")?.entry).toMatchObject({ uid: 3_000_000, gid: 4_000_000_000 });
      expect(found.get("disk")?.entry).toMatchObject({ type: "block", devMajor: 259, devMinor: 70_000 });
      expect(found.get("null")?.entry).toMatchObject({ type: "character", devMajor: 1, devMinor: 3 });
      if (attributes && options[0] === "--format=pax") {
        const capability = found.get("owned")?.entry.xattrs.get("security.capability");
        // VFS_CAP_REVISION_2 with the effective bit, then CAP_NET_RAW.
        expect(Buffer.from(capability ?? []).toString("hex")).toBe("0100000200200000000000000000000000000000");
      }
    }
  });

  it("tar-stream", async () => {
    const pack = tarStream.pack();
    pack.entry({ name: `${"d/".repeat(90)}file`, uid: 3000, mtime: new Date(1_500_000_000_000) }, "content");
    pack.entry({ name: "ü".repeat(120), type: "symlink", linkname: "ö" });
    pack.finalize();
    const entries: TarEntry[] = [];
    for await (const entry of readTar(pack as unknown as AsyncIterable<Uint8Array>)) entries.push(entry);
    const [first, second] = entries;
    expect(first).toMatchObject({
      name: `${"d/".repeat(90)}file`,
      uid: 3000,
      size: 7,
      mtime: { seconds: 1_500_000_000 },
    });
    expect(second).toMatchObject({ name: "ü".repeat(120), type: "symlink", linkName: "ö" });
  });
});

const INPUTS: readonly TarInput[] = [
  { name: "dir", type: "directory", mode: 0o750 },
  {
    name: "dir/file",
    type: "file",
    mode: 0o4755,
    body: bytesBody(Buffer.from("content")),
    mtime: { seconds: 1_600_000_000, nanoseconds: 0 },
  },
  { name: LONG, type: "file", body: bytesBody(Buffer.from("long")) },
  {
    name: "fraction",
    type: "file",
    body: bytesBody(Buffer.from("f")),
    mtime: { seconds: 1_600_000_000, nanoseconds: 500_000_000 },
  },
  { name: "ancient", type: "file", body: bytesBody(Buffer.from("a")), mtime: { seconds: -6, nanoseconds: 0 } },
  { name: "naïve ☃", type: "symlink", linkName: "ünïcode" },
  { name: "hard", type: "hardlink", linkName: "dir/file" },
  { name: "latin", rawName: LATIN1, type: "file", body: bytesBody(Buffer.from("latin")) },
  { name: "deep/link", type: "symlink", linkName: `${"t/".repeat(120)}target` },
  { name: "fifo", type: "fifo" },
  {
    name: "attributes",
    type: "file",
    body: bytesBody(Buffer.from("x")),
    xattrs: new Map([["user.binary", Uint8Array.of(0, 255, 61, 10, 128)]]),
  },
];
const SPECIAL: readonly TarInput[] = [
  { name: "owned", type: "file", uid: 3_000_000, gid: 4_000_000_000, body: bytesBody(Buffer.from("x")) },
  { name: "disk", type: "block", devMajor: 259, devMinor: 70_000 },
];

describe("what is written is read by other tools", () => {
  const tools = has("bsdtar") ? ["tar", "bsdtar"] : ["tar"];
  it.each(tools)("%s extracts it without a word", async (tool) => {
    const archive = join(room, "written.tar");
    writeFileSync(archive, await readAll(writeTar(ROOT ? [...INPUTS, ...SPECIAL] : INPUTS), MANY));
    const into = mkdtempSync(join(room, "out-"));
    const run = (command: string): string =>
      execFileSync("sh", ["-c", `${command} 2>&1`], { encoding: "latin1", env: { ...process.env, LC_ALL: "C.UTF-8" } });
    // Extended attributes may not be possible in the temporary directory, so only the reader's complaints count there.
    const quiet = tool === "tar" ? "--warning=no-timestamp" : "";
    expect(run(`${tool} ${quiet} -xpf ${archive} -C ${into}`)).toBe("");
    expect(readFileSync(join(into, "dir/file"), "utf8")).toBe("content");
    expect(statSync(join(into, "dir/file")).mode & 0o7777).toBe(0o4755);
    expect(statSync(join(into, "dir")).mode & 0o7777).toBe(0o750);
    expect(statSync(join(into, "hard")).ino).toBe(statSync(join(into, "dir/file")).ino);
    expect(readFileSync(join(into, LONG), "utf8")).toBe("long");
    expect(readFileSync(Buffer.concat([Buffer.from(`${into}/`), LATIN1]), "utf8")).toBe("latin");
    expect(statSync(join(into, "fraction")).mtimeMs).toBe(1_600_000_000_500);
    expect(statSync(join(into, "ancient")).mtimeMs).toBe(-6000);
    const facts = run(
      `cd ${into} && stat -c '%n %u %g %F %Hr %Lr' ${ROOT ? "owned disk" : ""} fifo; readlink naïve* deep/link`,
    );
    expect(Buffer.from(facts, "latin1").toString()).toContain(`ünïcode\n${"t/".repeat(120)}target`);
    if (ROOT) {
      expect(facts).toContain("owned 3000000 4000000000");
      expect(facts).toContain("disk 0 0 block special file 259 70000");
    }
  });

  it("tar-stream", async () => {
    const extract = tarStream.extract();
    const seen: [string, string][] = [];
    const reading = (async () => {
      for await (const entry of extract) {
        seen.push([entry.header.name, entry.header.linkname ?? ""]);
        entry.resume();
      }
    })();
    for await (const chunk of writeTar(INPUTS)) extract.write(chunk);
    extract.end(new Uint8Array(0));
    await reading;
    expect(seen.length).toBe(INPUTS.length);
    expect(seen).toContainEqual([LONG, ""]);
    expect(seen).toContainEqual(["naïve ☃", "ünïcode"]);
  });
});
