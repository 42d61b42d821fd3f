#!/usr/bin/env node
// The real tools that gantry is compared and tested with: where they are, at which version, and how to get them.
//
//   node test/interop/peers.mjs install [--only a,b]      installs what is missing
//   node test/interop/peers.mjs list                      name, version, path, or "missing: why"
//
// Debian's packages come from apt (as root), the others from the Go toolchain, at pinned versions, into
// `.peers/bin` or the directory that GANTRY_PEERS_DIR names.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the peers that Go builds are kept. */
export const peersDirectory =
  process.env.GANTRY_PEERS_DIR || resolve(fileURLToPath(new URL("../../.peers/bin", import.meta.url)));

/**
 * Every peer. `optional`: its absence is said, but does not fail a run under CI, because it cannot be had everywhere
 * (zot's module host is refused by some proxies, debootstrap and the measuring tools only save time).
 */
export const peers = [
  { name: "skopeo", apt: "skopeo", version: ["--version"] },
  { name: "podman", apt: "podman", version: ["--version"] },
  { name: "buildah", apt: "buildah", version: ["--version"] },
  { name: "umoci", apt: "umoci", version: ["--version"] },
  { name: "docker-registry", apt: "docker-registry", version: ["--version"] },
  { name: "dockerd", apt: "docker.io", version: ["--version"] },
  { name: "docker", apt: "docker.io", version: ["--version"] },
  { name: "debootstrap", apt: "debootstrap", version: ["--version"], optional: true },
  { name: "hyperfine", apt: "hyperfine", version: ["--version"], optional: true },
  { name: "jq", apt: "jq", version: ["--version"], optional: true },
  { name: "time", apt: "time", version: ["--version"], optional: true },
  {
    name: "crane",
    go: { module: "github.com/google/go-containerregistry", package: "cmd/crane", version: "v0.22.1" },
    version: ["version"],
  },
  {
    name: "regctl",
    go: { module: "github.com/regclient/regclient", package: "cmd/regctl", version: "v0.11.7" },
    version: ["version", "--format", "{{.VCSTag}}"],
  },
  {
    name: "regsync",
    go: { module: "github.com/regclient/regclient", package: "cmd/regsync", version: "v0.11.7" },
    version: ["version", "--format", "{{.VCSTag}}"],
    optional: true,
  },
  { name: "oras", go: { module: "oras.land/oras", package: "cmd/oras", version: "v1.3.1" }, version: ["version"] },
  {
    name: "registry",
    go: { module: "github.com/distribution/distribution/v3", package: "cmd/registry", version: "v3.1.2" },
    version: ["--version"],
  },
  {
    name: "zot",
    // No build tag: zot's minimal flavour, the registry without its extensions.
    go: { module: "zotregistry.dev/zot/v2", package: "cmd/zot", version: "v2.1.15" },
    version: ["--version"],
    optional: true,
  },
  {
    name: "cosign",
    // Nothing needs it yet, and it takes many minutes to build: only when it is asked for by name.
    onlyByName: true,
    go: { module: "github.com/sigstore/cosign/v3", package: "cmd/cosign", version: "v3.0.2" },
    version: ["version"],
    optional: true,
  },
];

/** Finds a peer: in the peers' directory first, then on the PATH. Answers its path, or why it is missing. */
export function locate(name) {
  const peer = peers.find((p) => p.name === name);
  if (peer === undefined) throw new Error(`no peer is called ${name}`);
  const file = find(name);
  if (file !== undefined) return { name, path: file };
  const note = join(peersDirectory, `${name}.failed`);
  if (existsSync(note)) return { name, missing: readFileSync(note, "utf8").trim() };
  const how = peer.apt ? `Debian package ${peer.apt}` : `${peer.go.module}@${peer.go.version}`;
  return { name, missing: `not installed (${how}); run: node test/interop/peers.mjs install --only ${name}` };
}

/** The version that a peer says it has, or the pinned one where it says nothing that can be read. */
export function versionOf(name) {
  const peer = peers.find((p) => p.name === name);
  const found = locate(name);
  if (peer === undefined || found.path === undefined) return undefined;
  const said = spawnSync(found.path, peer.version, { encoding: "utf8", timeout: 20_000 });
  return /v?\d+\.\d+(\.\d+)?[^\s,]*/.exec(`${said.stdout}\n${said.stderr}`)?.[0] ?? peer.go?.version ?? "unknown";
}

/** Installs the peers that are missing, all or the named ones. Answers those that still are. */
export function install(names = peers.filter((p) => !p.onlyByName).map((p) => p.name)) {
  mkdirSync(peersDirectory, { recursive: true });
  const wanted = peers.filter((p) => names.includes(p.name) && find(p.name) === undefined);
  const packages = [...new Set(wanted.flatMap((p) => (p.apt ? [p.apt] : [])))];
  if (packages.length > 0) {
    const why = installPackages(packages);
    for (const peer of wanted) if (peer.apt) note(peer.name, why);
  }
  for (const peer of wanted) {
    if (!peer.go) continue;
    console.error(`building ${peer.name} ${peer.go.version} ...`);
    note(peer.name, buildWithGo(peer));
  }
  return names.map(locate).filter((p) => p.missing !== undefined);
}

function find(name) {
  for (const folder of [peersDirectory, ...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"]) {
    const file = join(folder, name);
    try {
      if (folder === "") continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here: the next folder.
    }
  }
  return undefined;
}

function note(name, why) {
  const file = join(peersDirectory, `${name}.failed`);
  if (why === undefined) rmSync(file, { force: true });
  else writeFileSync(file, `${why}\n`);
}

function installPackages(packages) {
  if (process.getuid?.() !== 0) return `apt-get needs root; run: sudo apt-get install ${packages.join(" ")}`;
  if (spawnSync("apt-get", ["--version"]).status !== 0) return "this system has no apt-get";
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const stdio = ["ignore", "ignore", "inherit"];
  spawnSync("apt-get", ["update", "-q"], { env, stdio });
  // Services are not wanted, only the programs: dockerd and the registry are started by the tests, in their own folders.
  const policy = "/usr/sbin/policy-rc.d";
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const all = ["install", "-y", "-q", "--no-install-recommends", ...packages];
    const done = spawnSync("apt-get", all, { env, stdio });
    return done.status === 0 ? undefined : `apt-get install ${packages.join(" ")} failed (status ${done.status})`;
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/**
 * Builds one command inside a module of our own. `go install pkg@version` would be shorter, but it asks the proxy for
 * the list of all versions (to look for deprecations), and refuses a module that has `replace` lines.
 */
function buildWithGo({ name, go }) {
  if (spawnSync("go", ["version"]).status !== 0) return "the Go toolchain is not installed";
  const folder = mkdtempSync(join(tmpdir(), "gantry-peer-"));
  try {
    writeFileSync(join(folder, "go.mod"), `module peers.invalid/${name}\n\nrequire ${go.module} ${go.version}\n`);
    const output = join(peersDirectory, name);
    const stamp = name === "crane" ? [`-ldflags=-X ${go.module}/cmd/crane/cmd.Version=${go.version}`] : [];
    const args = ["build", "-mod=mod", "-buildvcs=false", "-trimpath", ...stamp, "-o", output];
    const env = { ...process.env, CGO_ENABLED: "0" };
    const run = spawnSync("go", [...args, `${go.module}/${go.package}`], { cwd: folder, env, encoding: "utf8" });
    if (run.status === 0) return undefined;
    const lines = run.stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("go: downloading"));
    return `go build ${go.module}@${go.version}: ${lines.slice(-2).join(" ").trim()}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main([verb, ...rest]) {
  if (verb === "install") {
    const only = rest[0] === "--only" ? rest[1]?.split(",") : undefined;
    const unknown = only?.find((name) => !peers.some((p) => p.name === name));
    if (unknown !== undefined) throw new Error(`no peer is called ${unknown}`);
    const missing = install(only);
    print(only);
    return missing.some((m) => !peers.find((p) => p.name === m.name)?.optional) ? 1 : 0;
  }
  if (verb === "list") return print() ?? 0;
  console.error("usage: peers.mjs install [--only a,b] | list");
  return 2;
}

function print(only) {
  for (const { name } of peers) {
    if (only !== undefined && !only.includes(name)) continue;
    const found = locate(name);
    const line = found.missing === undefined ? `${versionOf(name)}\t${found.path}` : `missing: ${found.missing}`;
    console.log(`${name}\t${line}`);
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = main(process.argv.slice(2));
}
