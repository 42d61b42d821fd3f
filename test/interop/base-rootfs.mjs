#!/usr/bin/env node
// Makes root file systems for base images out of Debian's packages, so that no public registry is needed.
//
//   node test/interop/base-rootfs.mjs busybox [ARCH,...]   prints a folder that holds one root file system for each
//   node test/interop/base-rootfs.mjs debian [SUITE]       prints a folder made by debootstrap --variant=minbase (root)
//
// Everything is kept under test/interop/.cache and made once.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const cache = fileURLToPath(new URL("./.cache", import.meta.url));

/** This machine's architecture as Go and Debian (for amd64 and arm64, the same) call it. */
export const hostArchitecture = process.arch === "x64" ? "amd64" : process.arch;

/**
 * A folder with one root file system for each architecture (`amd64/`, `arm64/`): busybox as /bin/busybox, its applets
 * as links, the few files that programs expect. The foreign one comes from Debian's package of that architecture,
 * fetched by apt with lists of its own: the system's configuration stays as it is.
 *
 * @throws Error saying what could not be had.
 */
export function busyboxRootfs(architectures = ["amd64", "arm64"]) {
  const folder = join(cache, "busybox");
  for (const architecture of architectures) {
    const root = join(folder, architecture);
    if (existsSync(root)) continue;
    const work = `${root}.part`;
    rmSync(work, { recursive: true, force: true });
    mkdirSync(join(work, "bin"), { recursive: true });
    copyFileSync(busyboxBinary(architecture), join(work, "bin/busybox"));
    chmodSync(join(work, "bin/busybox"), 0o755);
    for (const applet of applets()) symlinkSync("busybox", join(work, "bin", applet));
    for (const name of ["dev", "etc", "proc", "root", "sys", "tmp", "usr", "var"]) mkdirSync(join(work, name));
    symlinkSync("../bin", join(work, "usr/bin"));
    chmodSync(join(work, "tmp"), 0o1777);
    chmodSync(join(work, "root"), 0o700);
    writeFileSync(
      join(work, "etc/passwd"),
      "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    );
    writeFileSync(join(work, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
    renameSync(work, root);
  }
  return folder;
}

/** A folder made by debootstrap: the smallest Debian. Needs root and the network, and takes a minute. */
export function debianRootfs(suite = "bookworm") {
  const root = join(cache, "debian", suite);
  if (existsSync(root)) return root;
  const work = `${root}.part`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  must("debootstrap", ["--variant=minbase", suite, work]);
  renameSync(work, root);
  return root;
}

function busyboxBinary(architecture) {
  const binary = join(cache, "packages", architecture, "bin/busybox");
  if (existsSync(binary)) return binary;
  const folder = join(cache, "packages", architecture);
  const state = join(folder, "apt");
  for (const part of ["lists/partial", "cache/archives/partial", "state"])
    mkdirSync(join(state, part), { recursive: true });
  writeFileSync(join(state, "status"), "");
  const options = [
    ["APT::Architecture", architecture],
    ["APT::Architectures", architecture],
    ["Dir::State", join(state, "state")],
    ["Dir::State::lists", join(state, "lists")],
    ["Dir::State::status", join(state, "status")],
    ["Dir::Cache", join(state, "cache")],
    // apt gives its work to a user who may not enter our folder.
    ["APT::Sandbox::User", ""],
    ["Acquire::Languages", "none"],
  ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  must("apt-get", [...options, "update", "-q"]);
  must("apt-get", [...options, "download", "-q", "busybox-static"], folder);
  const file = readdirSync(folder).find((name) => name.endsWith(".deb"));
  if (file === undefined) throw new Error(`apt-get downloaded no busybox-static for ${architecture}`);
  must("dpkg-deb", ["-x", file, folder], folder);
  rmSync(state, { recursive: true, force: true });
  if (!existsSync(binary)) throw new Error(`${file} holds no bin/busybox`);
  return binary;
}

/** The names of the applets: asked of this machine's busybox, which is of the same Debian as the foreign one. */
function applets() {
  const said = spawnSync(busyboxBinary(hostArchitecture), ["--list"], { encoding: "utf8" });
  if (said.status !== 0) throw new Error("busybox --list failed");
  return said.stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
}

function must(command, args, cwd) {
  const done = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (done.error !== undefined) throw new Error(`${command}: ${done.error.message}`);
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${done.stderr.trim().split("\n").slice(-3).join("; ")}`);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [what, which] = process.argv.slice(2);
  if (what === "busybox") console.log(busyboxRootfs(which?.split(",")));
  else if (what === "debian") console.log(debianRootfs(which));
  else {
    console.error("usage: base-rootfs.mjs busybox [ARCH,...] | debian [SUITE]");
    process.exitCode = 2;
  }
}
