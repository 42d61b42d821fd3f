// Registries for the benchmarks, each in a folder of its own: Debian's docker-registry, which is nobody's here, and
// gantry's own.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { locate } from "../test/interop/peers.mjs";
import { gantry } from "./tools.mjs";

const running = new Set();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts an empty registry under `work`. */
export async function startServer(kind, work) {
  mkdirSync(work, { recursive: true });
  const root = mkdtempSync(join(work, `${kind}-`));
  const { command, args, ready } = kind === "gantry" ? ours(root) : debians(root);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  const port = await new Promise((resolve, reject) => {
    let text = "";
    const take = (chunk) => {
      text = (text + chunk).slice(-10_000);
      const match = ready.exec(text);
      if (match) resolve(match[1]);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("exit", () => reject(new Error(`${kind} did not start: ${text}`)));
    child.once("error", reject);
  });
  return {
    kind,
    host: `127.0.0.1:${port}`,
    pid: child.pid,
    async stop() {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(timer);
      running.delete(child);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function ours(root) {
  const args = [...gantry.slice(1), "serve", "--listen", "127.0.0.1:0", "--root", join(root, "data")];
  return { command: gantry[0], args, ready: /http:\/\/127\.0\.0\.1:(\d+)/ };
}

function debians(root) {
  const found = locate("docker-registry");
  if (found.missing) throw new Error(`docker-registry: ${found.missing}`);
  const config = {
    version: "0.1",
    log: { level: "info", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(root, "data") }, delete: { enabled: true } },
    http: { addr: "127.0.0.1:0" },
  };
  writeFileSync(join(root, "config.yml"), JSON.stringify(config));
  return { command: found.path, args: ["serve", join(root, "config.yml")], ready: /listening on 127\.0\.0\.1:(\d+)/ };
}
