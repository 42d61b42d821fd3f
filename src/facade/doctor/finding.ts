/** One thing that was looked at. */
export interface Finding {
  /** A short name that stays the same: `mount`, `tag delete`. */
  readonly check: string;
  /** "unknown": it was not tried, or the answer says neither. */
  readonly result: "ok" | "no" | "unknown";
  /** What was seen, in a few words. */
  readonly detail: string;
  /** What it means, or what to do. */
  readonly hint?: string;
}

/** How long things took, in milliseconds. */
export interface Timings {
  readonly dns?: number;
  readonly tcp?: number;
  readonly tls?: number;
  /** Until status and headers of the first answer, on a connection of its own. */
  readonly firstByte?: number;
  readonly token?: number;
}

/** Gathers findings in their order. */
export class Findings {
  readonly all: Finding[] = [];

  ok(check: string, detail: string, hint?: string): void {
    this.#add(check, "ok", detail, hint);
  }

  no(check: string, detail: string, hint?: string): void {
    this.#add(check, "no", detail, hint);
  }

  unknown(check: string, detail: string, hint?: string): void {
    this.#add(check, "unknown", detail, hint);
  }

  /** What a check that threw comes to. */
  failed(check: string, error: unknown): void {
    this.unknown(check, error instanceof Error ? error.message : "it failed");
  }

  /** Forgets what is looked at again. */
  drop(check: string): void {
    const at = this.all.findIndex((finding) => finding.check === check);
    if (at !== -1) this.all.splice(at, 1);
  }

  #add(check: string, result: Finding["result"], detail: string, hint: string | undefined): void {
    this.all.push({ check, result, detail, ...(hint === undefined ? {} : { hint }) });
  }
}
