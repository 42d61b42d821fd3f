import { GantryError } from "../errors.js";
import type { SyncJob } from "./sync-job.js";
import type { SyncedImage } from "./sync-report.js";

/**
 * Who brings which name. What another rule brings already is left to it; two sources for one name are a mistake, for
 * whichever came last would win.
 */
export class Claims {
  readonly #names = new Map<string, string>();
  /** Only these can clash: a repository with a hundred thousand tags that one rule fills costs no memory here. */
  readonly #shared: ReadonlySet<string>;

  constructor(jobs: readonly SyncJob[]) {
    const seen = new Set<string>();
    const shared = new Set<string>();
    for (const { destination } of jobs) (seen.has(destination) ? shared : seen).add(destination);
    this.#shared = shared;
  }

  /** Undefined: it is this rule's to bring. */
  claim(job: SyncJob, ref: string): SyncedImage | "taken already" | undefined {
    if (!this.#shared.has(job.destination)) return undefined;
    const name = `${job.destination} ${job.tagOf(ref)}`;
    const source = job.nameOf(ref);
    const other = this.#names.get(name);
    if (other === undefined) {
      this.#names.set(name, source);
      return undefined;
    }
    if (other === source) return "taken already";
    const destination = `${job.destination}:${job.tagOf(ref)}`;
    const error = new GantryError("CONFLICT", `${other} goes to the same name`, {
      where: destination,
      hint: "Give each a destination of its own, or use --scoped.",
      facts: { source, other },
    });
    return { source, destination, action: "copy", status: "failed", reason: error.message, error };
  }
}
