import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locate } from "./peers.mjs";
import { type Done, removeFolder, run, type RunOptions, start, temporaryFolder } from "./processes.js";

/** A container engine with storage of its own, nothing of it left behind. */
export interface Engine {
  readonly name: "podman" | "docker";
  /** Runs the engine's command line on its own storage. */
  command(args: readonly string[], options?: RunOptions): Promise<Done>;
  /** Pulls from a registry that speaks plain HTTP. */
  pull(image: string): Promise<void>;
  /** Runs a container from an image that is there, and answers what it wrote to its standard output. */
  run(image: string, args?: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** The storage drivers to try: overlay needs a kernel and a file system that can, vfs works everywhere and is slow. */
const drivers = { podman: ["overlay", "vfs"], docker: ["overlay2", "vfs"] } as const;

/**
 * Podman with its own root and runroot. Its default limits are above what a machine without CAP_SYS_RESOURCE may set,
 * and crun refuses the hybrid cgroup layout, so limits are set low and runc is taken where crun cannot run a container.
 */
export async function startPodman(): Promise<Engine> {
  const folder = temporaryFolder();
  const podman = path("podman");
  writeFileSync(join(folder, "policy.json"), '{"default":[{"type":"insecureAcceptAnything"}]}');
  const storage = (driver: string): string[] => [
    "--root",
    join(folder, "root"),
    "--runroot",
    join(folder, "run"),
    "--tmpdir",
    join(folder, "tmp"),
    "--storage-driver",
    driver,
    "--cgroup-manager",
    "cgroupfs",
    "--events-backend",
    "none",
  ];
  const [driver] = await firstDriver(drivers.podman, (name) => run(podman, [...storage(name), "info"]));
  const command = (args: readonly string[], options?: RunOptions): Promise<Done> =>
    run(podman, [...storage(driver), ...args], options);
  const flags = ["--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];
  return {
    name: "podman",
    command,
    pull: async (image) => {
      await command(["pull", "-q", "--tls-verify=false", "--signature-policy", join(folder, "policy.json"), image]);
    },
    run: async (image, args = []) => {
      const reasons: string[] = [];
      for (const runtime of ["crun", "runc"]) {
        const done = await command(["--runtime", runtime, "run", ...flags, image, ...args], { mayFail: true });
        if (done.status === 0) return done.stdout;
        reasons.push(done.stderr.trim());
      }
      throw new Error(`podman run ${image}: ${reasons.join("; ")}`);
    },
    stop: async () => {
      // Not `podman system reset`: that also empties the machine's /etc/containers/networks.
      removeFolder(folder);
    },
  };
}

/** A Docker daemon started by hand: own data, own socket, no bridge and no firewall rules, so that it disturbs nobody. */
export async function startDocker(): Promise<Engine> {
  const folder = temporaryFolder();
  const socket = `unix://${join(folder, "docker.sock")}`;
  mkdirSync(join(folder, "config"));
  const [, daemon] = await firstDriver(drivers.docker, (driver) =>
    start(
      path("dockerd"),
      [
        "--data-root",
        join(folder, "data"),
        "--exec-root",
        join(folder, "exec"),
        "--pidfile",
        join(folder, "pid"),
        "--config-file",
        "",
        "--storage-driver",
        driver,
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "-H",
        socket,
      ],
      { ready: /API listen on/, within: 60_000 },
    ),
  );
  const command = (args: readonly string[], options?: RunOptions): Promise<Done> =>
    run(path("docker"), ["--config", join(folder, "config"), "-H", socket, ...args], options);
  return {
    name: "docker",
    command,
    pull: async (image) => {
      await command(["pull", "-q", image]);
    },
    run: async (image, args = []) => (await command(["run", "--rm", "--network=none", image, ...args])).stdout,
    async stop() {
      await daemon.stop();
      removeFolder(folder);
    },
  };
}

/** Tries the drivers in turn; the failure of all is the failure of the last. */
async function firstDriver<T>(names: readonly string[], attempt: (name: string) => Promise<T>): Promise<[string, T]> {
  let failure: unknown;
  for (const name of names) {
    try {
      return [name, await attempt(name)];
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function path(name: string): string {
  const found = locate(name);
  if (found.path === undefined) throw new Error(`${name}: ${found.missing}`);
  return found.path;
}
