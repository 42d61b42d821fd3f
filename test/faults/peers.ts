import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { GANTRY } from "../integration/gantry-cli.js";
import type { Run, Tool } from "./run-row.js";

/** A tool that is run as a process. */
export interface Peer extends Tool {
  readonly name: string;
}

type Side = "from" | "to" | "at";

/** How a command line is put together for each verb. */
interface Words {
  readonly name: string;
  readonly program: string;
  /** Options that say: plain HTTP, and who asks. */
  readonly access: (host: string, creds: string | undefined, side: Side) => readonly string[];
  readonly push: (layout: string, image: string) => readonly string[];
  readonly pull: (image: string, layout: string) => readonly string[];
  readonly copy: (from: string, to: string) => readonly string[];
  readonly list: (repository: string) => readonly string[];
}

const split = (creds: string | undefined): [string, string] => {
  const [user = "", password = ""] = creds?.split(":") ?? [];
  return [user, password];
};

/** Where `test/interop/peers.mjs install` puts what Go builds. */
const PEERS = process.env["GANTRY_PEERS_DIR"] || join(import.meta.dirname, "../../.peers/bin");

const SKOPEO: Words = {
  name: "skopeo",
  program: "/usr/bin/skopeo",
  access: (_, creds, side) => {
    const where = side === "from" ? "src-" : side === "to" ? "dest-" : "";
    return [`--${where}tls-verify=false`, ...(creds === undefined ? [] : [`--${where}creds=${creds}`])];
  },
  push: (layout, image) => ["copy", `oci:${layout}:latest`, `docker://${image}`],
  pull: (image, layout) => ["copy", `docker://${image}`, `oci:${layout}:latest`],
  copy: (from, to) => ["copy", `docker://${from}`, `docker://${to}`],
  list: (repository) => ["list-tags", `docker://${repository}`],
};

const TOOLS: readonly Words[] = [
  {
    name: "gantry",
    program: GANTRY,
    access: (_, creds) => (creds === undefined ? [] : [`--creds=${creds}`]),
    push: (layout, image) => ["copy", `oci:${layout}:latest`, image],
    pull: (image, layout) => ["copy", image, `oci:${layout}:latest`],
    copy: (from, to) => ["copy", from, to],
    list: (repository) => ["ls", repository],
  },
  SKOPEO,
  {
    ...SKOPEO,
    name: "skopeo, 3 retries",
    access: (host, creds, side) => [...SKOPEO.access(host, creds, side), "--retry-times=3"],
  },
  {
    name: "crane",
    program: join(PEERS, "crane"),
    access: () => ["--insecure"],
    push: (layout, image) => ["push", layout, image],
    pull: (image, layout) => ["pull", "--format=oci", image, layout],
    copy: (from, to) => ["copy", from, to],
    list: (repository) => ["ls", repository],
  },
  {
    name: "regctl",
    program: join(PEERS, "regctl"),
    access: (host, creds) => {
      const [user, password] = split(creds);
      return [`--host=reg=${host},tls=disabled${creds === undefined ? "" : `,user=${user},pass=${password}`}`];
    },
    push: (layout, image) => ["image", "copy", `ocidir://${layout}:latest`, image],
    pull: (image, layout) => ["image", "copy", image, `ocidir://${layout}:latest`],
    copy: (from, to) => ["image", "copy", from, to],
    list: (repository) => ["tag", "ls", repository],
  },
  {
    name: "oras",
    program: join(PEERS, "oras"),
    access: (_, creds, side) => {
      const [user, password] = split(creds);
      const where = side === "at" ? "" : `${side}-`;
      return [
        `--${where}plain-http`,
        ...(creds === undefined ? [] : [`--${where}username=${user}`, `--${where}password=${password}`]),
      ];
    },
    push: (layout, image) => ["cp", "--from-oci-layout", `${layout}:latest`, image],
    pull: (image, layout) => ["cp", image, "--to-oci-layout", `${layout}:latest`],
    copy: (from, to) => ["cp", from, to],
    list: (repository) => ["repo", "tags", repository],
  },
];

/** Those of the tools that this machine has. */
export const peersHere = (): readonly Peer[] => TOOLS.filter(({ program }) => existsSync(program)).map(peer);

function peer(words: Words): Peer {
  const start = async (args: readonly string[], image: string, side: Side, run: Run): Promise<string> => {
    const host = image.split("/")[0]!;
    await mkdir(join(run.home, ".docker"), { recursive: true });
    if (run.creds !== undefined) {
      const auth = Buffer.from(run.creds).toString("base64");
      await writeFile(join(run.home, ".docker/config.json"), JSON.stringify({ auths: { [host]: { auth } } }));
    }
    const [verb, ...rest] = args;
    return execute(words.program, [verb!, ...rest, ...words.access(host, run.creds, side)], run);
  };
  return {
    name: words.name,
    push: async (layout, image, run) => void (await start(words.push(layout, image), image, "to", run)),
    pull: async (image, layout, run) => void (await start(words.pull(image, layout), image, "from", run)),
    copy: async (from, to, run) => void (await start(words.copy(from, to), to, "to", run)),
    list: async (repository, run) => (await start(words.list(repository), repository, "at", run)).split("\n").length,
  };
}

function execute(program: string, args: readonly string[], { home, signal }: Run): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env["PATH"] ?? "", HOME: home, DOCKER_CONFIG: join(home, ".docker") };
    const options = { env, signal, killSignal: "SIGKILL" as const, maxBuffer: 256 * 1024 * 1024 };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(stderr.trim().split("\n").at(-1)?.slice(0, 300) ?? error.message));
    });
  });
}
