// How each tool is asked for the same thing. A command line is [program, ...arguments]; every one runs with a HOME of
// its own, so that no login, cache or setting of the machine has a part in the figures.
import { fileURLToPath } from "node:url";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locate } from "../test/interop/peers.mjs";

/** The command line of this checkout. */
export const gantry = [process.execPath, fileURLToPath(new URL("../bin/gantry", import.meta.url))];

/** The path of a peer, or undefined where it is missing: its rows then say so. */
export const peer = (name) => locate(name).path;

/** An environment with nothing of the user's in it. */
export function cleanEnvironment(home) {
  mkdirSync(join(home, "docker"), { recursive: true });
  // buildah fails where DOCKER_CONFIG names a folder without this file.
  writeFileSync(join(home, "docker/config.json"), "{}\n");
  return {
    PATH: process.env.PATH,
    HOME: home,
    XDG_DATA_HOME: join(home, "data"),
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_CONFIG_HOME: join(home, "config"),
    DOCKER_CONFIG: join(home, "docker"),
    REGCTL_CONFIG: join(home, "regctl.json"),
    LC_ALL: "C.UTF-8",
  };
}

/** The commands of each tool for one copy from registry to registry; both speak plain HTTP. */
export const copiers = {
  gantry: (from, to) => [[...gantry, "copy", "--quiet", from, to]],
  skopeo: (from, to) => {
    const flags = ["--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];
    return [[peer("skopeo"), "--insecure-policy", "copy", "-q", ...flags, `docker://${from}`, `docker://${to}`]];
  },
  crane: (from, to) => [[peer("crane"), "copy", "--insecure", from, to]],
  regctl: (from, to) => {
    const hosts = [...new Set([from, to].map((name) => name.split("/")[0]))];
    return [
      [peer("regctl"), ...hosts.flatMap((host) => ["--host", `reg=${host},tls=disabled`]), "image", "copy", from, to],
    ];
  },
  oras: (from, to) => [[peer("oras"), "cp", "--no-tty", "--from-plain-http", "--to-plain-http", from, to]],
};
