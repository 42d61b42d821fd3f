import type { Count, Step, Totals } from "./plan.js";

/** Adds steps up, by what was done or else by what would be. Names are not content and do not count. */
export function totalsOf(steps: readonly Step[]): Totals {
  const totals = { uploaded: zero(), mounted: zero(), present: zero() };
  for (const step of steps) {
    if (step.action === "tag" && step.placement === undefined) continue;
    const how =
      step.placement?.how ?? (step.action === "mount" ? "mounted" : step.action === "skip" ? "present" : "uploaded");
    if (how === "mounted") add(totals.mounted, step.descriptor.size);
    else if (how === "present") add(totals.present, step.descriptor.size);
    else add(totals.uploaded, step.placement?.bytes ?? step.bytes);
  }
  return totals;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function zero(): Mutable<Count> {
  return { count: 0, bytes: 0 };
}

function add(to: Mutable<Count>, bytes: number): void {
  to.count += 1;
  to.bytes += bytes;
}
