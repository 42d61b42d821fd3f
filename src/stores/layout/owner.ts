import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";

/**
 * Who made a lock or a temporary file. `machine` stands for the host, its boot and its process id namespace together:
 * only where all three are the same does a process id mean the same process (containers share the boot but not the ids).
 */
export interface Owner {
  readonly machine: string;
  readonly pid: number;
  /** The clock tick at which the process began, so that a reused process id is somebody else; "0" where unknown. */
  readonly started: string;
}

/** The running process. */
export async function thisProcess(): Promise<Owner> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  const namespace = await readlink("/proc/self/ns/pid").catch(() => "");
  const machine = createHash("sha256").update(`${hostname()}\n${boot}\n${namespace}`).digest("hex").slice(0, 12);
  return { machine, pid: process.pid, started: (await startOf(process.pid)) ?? "0" };
}

/** `machine-pid-started`: safe in a file name. */
export const formatOwner = (owner: Owner): string => `${owner.machine}-${owner.pid}-${owner.started}`;

/** Reads what {@link formatOwner} wrote at the start of a text; undefined for anything else. */
export function parseOwner(text: string): Owner | undefined {
  const match = /^([0-9a-f]{12})-(\d{1,10})-(\d{1,20})(?![0-9a-zA-Z])/.exec(text);
  return match === null ? undefined : { machine: match[1]!, pid: Number(match[2]), started: match[3]! };
}

/** Whether the owner still runs; "unknown" for one that lives on another machine or in another container. */
export async function lifeOf(owner: Owner, self: Owner): Promise<"alive" | "dead" | "unknown"> {
  if (owner.machine !== self.machine) return "unknown";
  if (owner.pid === self.pid) return owner.started === self.started ? "alive" : "dead";
  const started = await startOf(owner.pid);
  if (started !== undefined) return started === owner.started ? "alive" : "dead";
  try {
    process.kill(owner.pid, 0);
    return "alive";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "alive" : "dead";
  }
}

// proc(5): field 3 is the state, field 22 the start; the command before them may hold spaces and brackets. A zombie
// has ended: it holds no file and finishes nothing.
async function startOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? "-1" : fields[19];
}
