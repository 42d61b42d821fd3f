import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { open, readdir, readFile, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GantryError } from "../../errors.js";
import { errnoOf } from "./disk-error.js";
import { formatOwner, lifeOf, type Owner, parseOwner, thisProcess } from "./owner.js";

/** A lock while it is held. */
export interface HeldLock {
  /** @throws GantryError LOCKED when somebody took the lock because this process seemed dead for too long */
  stillMine(): Promise<void>;
}

/** Options of {@link withLock}. */
export interface LockOptions {
  /** What is locked, for messages. */
  readonly where: string;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `act` while no other process, on this or another machine that shares the directory, holds the same lock.
 *
 * The lock is a directory of numbered files; the highest number is its state. Whoever finds that one free, or its owner
 * dead, takes the lock by creating the next number exclusively. Nothing that decides is ever removed, so two who break
 * the same dead lock cannot both win: the fault of locks that are one file or directory, which the second breaker
 * removes from under the first (proper-lockfile among them; it also waits seconds after a kill, where the dead owner's
 * process id tells at once). An owner on another machine counts as dead when its heartbeat has not changed for
 * {@link STALE_MS} of our own clock; clocks are never compared.
 *
 * @throws GantryError LOCKED after `timeoutMs`
 */
export async function withLock<T>(dir: string, options: LockOptions, act: (lock: HeldLock) => Promise<T>): Promise<T> {
  const self = await thisProcess();
  const held = await acquire(dir, self, options);
  // The heartbeat matters to other machines only; it must not keep the process alive.
  const beat = setInterval(() => void utimes(held.path, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS).unref();
  try {
    return await act({
      async stillMine() {
        if ((await newest(dir)) !== held.generation) throw lostLock(options.where);
      },
    });
  } finally {
    clearInterval(beat);
    await release(held);
  }
}

interface Held {
  readonly generation: number;
  readonly path: string;
  readonly blank: boolean;
}

async function acquire(dir: string, self: Owner, options: LockOptions): Promise<Held> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
  const deadline = performance.now() + timeoutMs;
  const watch = new Watch();
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const top = await newest(dir);
    const holder = top === 0 ? "free" : await holderOf(join(dir, String(top)), self, watch);
    if (holder === "free") {
      const held = await take(dir, top + 1, self);
      if (held !== undefined) return held;
    }
    if (performance.now() > deadline) throw busy(options.where, holder, timeoutMs);
    // Jitter, so that several who wait do not meet again and again.
    const delay = Math.min(2 * 1.3 ** Math.min(attempt, 20), 60) * (0.5 + Math.random());
    await sleep(delay, undefined, signal ? { signal } : {});
  }
}

async function take(dir: string, generation: number, self: Owner): Promise<Held | undefined> {
  const path = join(dir, String(generation));
  let blank = false;
  try {
    // Synchronous, so that next to nothing fits between the creation and the owner's name: a kill there leaves a file
    // without an owner, which others can only wait out.
    const file = openSync(path, "wx", 0o644);
    try {
      writeSync(file, `H ${formatOwner(self)} ${hostname()}\n`);
    } catch (error) {
      // A full disk must not forbid the lock, for it is needed to remove things. An empty file is held as well.
      if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EDQUOT") {
        unlinkSync(path);
        throw error;
      }
      blank = true;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw error;
  }
  // Late by many generations: the number was free again because it had been swept, and the lock is elsewhere.
  const all = await generations(dir);
  if (Math.max(...all) !== generation) {
    await unlink(path).catch(() => {});
    return undefined;
  }
  for (const old of all) if (old < generation - KEPT) await unlink(join(dir, String(old))).catch(() => {});
  return { generation, path, blank };
}

async function release(held: Held): Promise<void> {
  try {
    if (held.blank) return await unlink(held.path);
    const file = await open(held.path, "r+");
    try {
      // Free from the first byte on; what follows names this host, and a layout may be handed on.
      await file.write("F", 0);
      await file.truncate(1);
    } finally {
      await file.close();
    }
  } catch {
    // The directory is gone or unwritable: this process's death frees the lock.
  }
}

/** "free", or who holds it. */
async function holderOf(path: string, self: Owner, watch: Watch): Promise<string> {
  let text: string;
  let beat: number;
  try {
    text = await readFile(path, "utf8");
    beat = (await stat(path)).mtimeMs;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "another process";
    throw error;
  }
  if (text.startsWith("F")) return "free";
  const [, name = "", host = ""] = text.trim().split(" ");
  const owner = parseOwner(name);
  const life = owner === undefined ? "unknown" : await lifeOf(owner, self);
  if (life === "dead" || (life === "unknown" && watch.unchangedMs(path, beat) > STALE_MS)) return "free";
  return owner === undefined ? "another process" : `process ${owner.pid} on ${host}`;
}

/** Remembers for how long, by our own clock, a heartbeat has not moved. */
class Watch {
  #path = "";
  #beat = 0;
  #since = 0;

  unchangedMs(path: string, beat: number): number {
    if (path !== this.#path || beat !== this.#beat) {
      this.#path = path;
      this.#beat = beat;
      this.#since = performance.now();
    }
    return performance.now() - this.#since;
  }
}

async function generations(dir: string): Promise<number[]> {
  return (await readdir(dir)).filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number);
}

async function newest(dir: string): Promise<number> {
  return Math.max(0, ...(await generations(dir)));
}

function busy(where: string, holder: string, timeoutMs: number): GantryError {
  return new GantryError("LOCKED", `${holder} has been writing for more than ${Math.round(timeoutMs / 1000)} s`, {
    where,
    hint: "Wait for it to end, or end it, and try again.",
  });
}

function lostLock(where: string): GantryError {
  return new GantryError("LOCKED", "this process slept too long, and another took over the lock", {
    where,
    hint: "Try again; nothing was changed.",
  });
}

const DEFAULT_TIMEOUT_MS = 60_000;
const HEARTBEAT_MS = 2_000;
const STALE_MS = 15_000;
/** Old numbers that stay, so that one who is late by less meets an existing file. */
const KEPT = 8;
